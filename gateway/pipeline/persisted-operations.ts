// The text of an operation that is named by a hash, in the place of the name. Free of transport.
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
    /** Whether clients may name an operation by its hash once they have sent its text (automatic persisted queries). */
    automatic: z.boolean().default(true),
    /** The file of a manifest in Apollo's format: its operations may be named from the start. */
    manifest: z.string().min(1).optional(),
    /** `only`: nothing runs but the manifest's operations. */
    mode: z.enum(['allow', 'only']).default('allow'),
  })
  .refine(({ manifest, mode }) => mode === 'allow' || manifest !== undefined, {
    path: ['manifest'],
    message: 'it should be named: the mode is "only"',
  })

export type PersistedSettings = z.infer<typeof persistedSettings>

/** Throws OperatorError MANIFEST_INVALID for a manifest that cannot be used. */
export async function openPersistedOperations(
  { automatic, manifest, mode }: PersistedSettings,
  fileOf: (path: string) => URL,
): Promise<PersistedOperations> {
  return createPersistedOperations({
    ...(manifest !== undefined && { manifest: await readManifest(fileOf(manifest)) }),
    automatic,
    only: mode === 'only',
  })
}

export type ResolvedRequest =
  /** The request with a text; without one when it names nothing, or is no request. */
  | { readonly request: unknown }
  /** The answer to what may not be run, or is not known by its hash. */
  | { readonly answer: GatewayResponse }

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
      return { answer: refuse([{ message, extensions: { code } }], format, { status: CALLER_CODES[code] }) }
    }
    // The protocol continues: the client sends the text next.
    if (error instanceof GraphQLError) return { answer: refuse([error], format, { status: 200 }) }
    throw error
  }
}
