// One operation from its text to the text of its answer. Free of HTTP.
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type {
  Execution,
  ExecutionError,
  PathKey,
  SubgraphAnswer,
  SubgraphRequest,
} from '#gateway/executor/execution.ts'
import type { Operations, PreparedOperation } from '#gateway/operations.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'

export type GatewayRequest = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
  /** A GET carries queries only. */
  readonly queriesOnly: boolean
  /** Of the caller's token; undefined for one that shows none. */
  readonly claims?: Claims | undefined
  readonly fetch: (request: SubgraphRequest) => Promise<SubgraphAnswer>
}

export type GatewayAnswer = {
  /** The whole body, as JSON. */
  readonly text: string
  /** `refused`: nothing was executed. */
  readonly outcome: 'ok' | 'errors' | 'refused' | 'not a query'
  readonly name: string | undefined
  readonly kind: PreparedOperation['kind'] | undefined
}

const LASTING =
  'A subscription is sent over WebSocket, to /stream, or by a POST that accepts multipart/mixed;subscriptionSpec=1.0.'

export type FormatError = (error: ExecutionError | GraphQLError) => GraphQLFormattedError

export async function executeRequest(
  operations: Operations,
  request: GatewayRequest,
  format: FormatError,
): Promise<GatewayAnswer> {
  const prepared = await operations.prepare(request.query, request.operationName, request.claims)
  if ('errors' in prepared) return refuse(prepared.errors, undefined, format)
  const { name, kind } = prepared
  if (request.queriesOnly && kind !== 'query')
    return {
      ...refuse([new GraphQLError(`A ${kind} must be sent by POST.`)], prepared, format),
      outcome: 'not a query',
    }
  if (kind === 'subscription') return refuse([new GraphQLError(LASTING)], prepared, format)
  const coerced = prepared.coerce(request.variables)
  if ('errors' in coerced) return refuse(coerced.errors, prepared, format)
  const withheld = prepared.withheld?.errors(coerced.variables) ?? []
  if (prepared.withheld?.refuses && withheld.length > 0) return refuse(withheld, prepared, format)
  const execution: Execution = {
    data: prepared.introspect?.(coerced.variables) ?? {},
    errors: [],
    variables: coerced.variables,
    fetch: request.fetch,
  }
  const { text, outcome } = await finish(prepared, execution, { withheld, format })
  return { text, outcome, name, kind }
}

/** Runs what is left of the plan on what `execution` has so far, and writes the whole answer. */
export async function finish(
  prepared: PreparedOperation,
  execution: Execution,
  { withheld, format }: { readonly withheld: readonly ExecutionError[]; readonly format: FormatError },
): Promise<Pick<GatewayAnswer, 'text' | 'outcome'>> {
  await prepared.run(execution)
  const { errors } = execution
  const told = errors.length
  const data = prepared.write(execution.data, execution)
  if (errors.length + withheld.length === 0) return { text: `{"data":${data}}`, outcome: 'ok' }
  const all = [...withheld, ...withoutConsequences(errors, told)].map(format)
  return { text: `{"data":${data},"errors":${JSON.stringify(all)}}`, outcome: 'errors' }
}

function refuse(
  errors: readonly (ExecutionError | GraphQLError)[],
  prepared: PreparedOperation | undefined,
  format: FormatError,
): GatewayAnswer {
  const text = `{"errors":${JSON.stringify(errors.map(format))}}`
  return { text, outcome: 'refused', name: prepared?.name, kind: prepared?.kind }
}

/** A null that a subgraph has explained already, at its place or above or below it, needs no second error. */
function withoutConsequences(errors: readonly ExecutionError[], told: number): ExecutionError[] {
  const explained = errors.slice(0, told)
  const found = errors.slice(told)
  return [
    ...explained,
    ...found.filter(({ path = [] }) => !explained.some(one => overlap(one.path ?? [], path))),
  ]
}

function overlap(one: readonly PathKey[], other: readonly PathKey[]): boolean {
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return false
  return true
}
