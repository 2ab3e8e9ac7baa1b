// The text of an operation that is named by a hash, in the place of the name. Free of transport.
import { GraphQLError } from 'graphql'
import { isObject } from '#gateway/executor/execution.ts'
import { countRefusal } from '#gateway/observe/refusals.ts'
import type { FormatError, GatewayAnswer } from '#gateway/pipeline/execute.ts'
import type { PersistedSettings } from '#gateway/pipeline/persisted-settings.ts'
import { CALLER_CODES, CallerError } from '#platform/domain/errors.ts'
import {
  createPersistedOperations,
  type PersistedOperations,
  readManifest,
} from '#platform/graphql/persisted.ts'

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

export type Named =
  /** The request with a text; without one when it names nothing, or is no request. */
  | { readonly request: unknown }
  /** The answer to what may not be run, or is not known by its hash. */
  | { readonly answer: GatewayAnswer }

export function nameOperation(operations: PersistedOperations, request: unknown, format: FormatError): Named {
  if (!isObject(request)) return { request }
  try {
    return { request: { ...request, query: operations.resolve(request) } }
  } catch (error) {
    if (error instanceof CallerError) {
      const { code, message } = error
      countRefusal({ extensions: { code } })
      return refuse(format({ message, extensions: { code } }), CALLER_CODES[code])
    }
    if (error instanceof GraphQLError) return refuse(format(error), 200) // a step of the protocol: the text comes next
    throw error
  }
}

function refuse(error: ReturnType<FormatError>, status: number): Named {
  return {
    answer: {
      text: `{"errors":[${JSON.stringify(error)}]}`,
      outcome: 'refused',
      name: undefined,
      kind: undefined,
      status,
    },
  }
}
