// Executes an operation whose client accepts parts, and sends them.
import type { GraphQLError } from 'graphql'
import { executionErrorOf } from '#gateway/deferral/part-execution.ts'
import type { Execution } from '#gateway/executor/execution.ts'
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import type { Extensions, FormatError, GatewayResponse, PartsSender } from '#gateway/pipeline/response.ts'
import { inParts, type LaterResult } from '#platform/graphql/incremental/execute-in-parts.ts'

type PartsOptions = {
  readonly parts: PartsSender
  readonly format: FormatError
  /** The `extensions` of the first part. */
  readonly extensions: Extensions | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
}

/**
 * Resolves once the last part is sent. The response is one to be sent where nothing was left to defer. Resolves with
 * undefined, and has fetched nothing, for an operation that is to be executed as a whole.
 */
export async function executeInParts(
  { runInParts, name, kind }: PreparedOperation,
  execution: Execution,
  { parts: { form, send }, format, extensions, headers }: PartsOptions,
): Promise<GatewayResponse | undefined> {
  const executed = await runInParts?.(execution, form)
  if (!executed) return undefined
  const results = inParts(executed, form)
  const outcome = executed.errors.length > 0 ? 'errors' : 'ok'
  const known = { outcome, name, kind, ...(headers && { headers }) } as const
  const addExtensions = <Result extends object>(result: Result) => ({
    ...withErrors(result, format),
    ...(extensions && { extensions }),
  })
  if (!('initialResult' in results)) return { ...known, text: JSON.stringify(addExtensions(results)) }
  const { initialResult, subsequentResults } = results
  await send({ first: addExtensions(initialResult), rest: formatted(subsequentResults, format), headers })
  return { ...known, text: '', isSent: true }
}

type PartsRest = AsyncGenerator<{ readonly hasNext: boolean }, void, void>

async function* formatted(results: AsyncIterable<LaterResult>, format: FormatError): PartsRest {
  for await (const result of results) {
    const { incremental, completed } = result
    yield {
      ...result,
      ...(incremental && { incremental: incremental.map(one => withErrors(one, format)) }),
      ...(completed && { completed: completed.map(one => withErrors(one, format)) }),
    }
  }
}

function withErrors<Result extends { readonly errors?: readonly GraphQLError[] }>(
  result: Result,
  format: FormatError,
) {
  const { errors, ...rest } = result
  if (!errors) return result
  return { errors: errors.map(error => format(executionErrorOf(error))), ...rest }
}
