// Resolves persisted operations: puts the text of an operation in place of its hash.
import { pathToFileURL } from 'node:url'
import { GraphQLError } from 'graphql'
import { z } from 'zod'
import { countRefusal } from '#gateway/observe/refusals.ts'
import { type FormatError, type GatewayResponse, refuse } from '#gateway/pipeline/response.ts'
import { CALLER_CODES, CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import {
  createPersistedOperations,
  type PersistedOperations,
  readManifest,
} from '#platform/graphql/endpoint/persisted-operations.ts'

export const persistedSettings = z
  .strictObject({
    /** Says whether clients may send a hash once they have sent its text (automatic persisted queries). */
    automatic: z.boolean().default(true),
    /** The file of a manifest in Apollo's format, whose operations clients may name from the start. */
    manifest: z.string().min(1).optional(),
    /** `only` restricts clients to the manifest's operations (a safelist). */
    mode: z.enum(['allow', 'only']).default('allow'),
  })
  .refine(({ manifest, mode }) => mode === 'allow' || manifest !== undefined, {
    path: ['manifest'],
    message: 'it should be named: the mode is "only"',
  })

/** Throws OperatorError MANIFEST_INVALID for a manifest that cannot be used. */
export async function openPersistedOperations({
  automatic,
  manifest,
  mode,
}: z.infer<typeof persistedSettings>): Promise<PersistedOperations> {
  return createPersistedOperations({
    ...(manifest !== undefined && { manifest: await readManifest(pathToFileURL(manifest)) }),
    automatic,
    only: mode === 'only',
  })
}

type ResolvedRequest =
  /** The request with its text. What is no request, or has no text and no hash, is returned as it is. */
  | { readonly request: unknown }
  /** The response to an operation that may not run, or whose hash is not known. */
  | { readonly response: GatewayResponse }

export function resolvePersistedOperation(
  operations: PersistedOperations,
  request: unknown,
  format: FormatError,
): ResolvedRequest {
  if (!isObject(request)) return { request }
  try {
    return { request: { ...request, query: operations.resolve(request) } }
  } catch (error) {
    if (error instanceof CallerError) {
      const { code, message } = error
      countRefusal({ extensions: { code } })
      return { response: refuse([{ message, extensions: { code } }], format, { status: CALLER_CODES[code] }) }
    }
    // The protocol continues: the client sends the text next.
    if (error instanceof GraphQLError) return { response: refuse([error], format, { status: 200 }) }
    throw error
  }
}
