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
import type { Admit, Admitted } from '#gateway/safety/admission.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'

export type GatewayRequest = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
  /** A GET carries queries only. */
  readonly queriesOnly: boolean
  /** Of the caller's token; undefined for one that shows none. */
  readonly claims?: Claims | undefined
  /** Whether the operation may be run; it may when left out. */
  readonly admit?: Admit | undefined
  readonly fetch: (request: SubgraphRequest) => Promise<SubgraphAnswer>
}

export type GatewayAnswer = {
  /** The whole body, as JSON. */
  readonly text: string
  /** `refused`: nothing was executed. */
  readonly outcome: 'ok' | 'errors' | 'refused' | 'not a query'
  readonly name: string | undefined
  readonly kind: PreparedOperation['kind'] | undefined
  /** Of HTTP, where it is not by the outcome. */
  readonly status?: number
  /** To go with it. */
  readonly headers?: Readonly<Record<string, string>>
}

const LASTING =
  'A subscription is sent over WebSocket, to /stream, or by a POST that accepts multipart/mixed;subscriptionSpec=1.0.'

const NOTHING_TO_TELL: Admitted = { refusal: undefined }

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
  const asking = request.admit?.({ estimate: prepared.estimate, variables: coerced.variables })
  const admitted = asking instanceof Promise ? await asking : asking
  const { extensions, headers, refusal, status } = admitted ?? NOTHING_TO_TELL
  if (refusal)
    return {
      ...refuse([refusal], prepared, format, extensions),
      ...(status !== undefined && { status }),
      ...(headers && { headers }),
    }
  const execution: Execution = {
    data: prepared.introspect?.(coerced.variables) ?? {},
    errors: [],
    variables: coerced.variables,
    fetch: request.fetch,
  }
  const { text, outcome } = await finish(prepared, execution, { withheld, format, extensions })
  return { text, outcome, name, kind, ...(headers && { headers }) }
}

type Finish = {
  readonly withheld: readonly ExecutionError[]
  readonly format: FormatError
  /** Of the answer; none when left out. */
  readonly extensions?: Admitted['extensions']
}

/** Runs what is left of the plan on what `execution` has so far, and writes the whole answer. */
export async function finish(
  prepared: PreparedOperation,
  execution: Execution,
  { withheld, format, extensions }: Finish,
): Promise<Pick<GatewayAnswer, 'text' | 'outcome'>> {
  await prepared.run(execution)
  const { errors } = execution
  const told = errors.length
  const data = prepared.write(execution.data, execution)
  if (errors.length + withheld.length === 0)
    return { text: `{"data":${data}${tellExtensions(extensions)}}`, outcome: 'ok' }
  const all = [...withheld, ...withoutConsequences(errors, told)].map(format)
  const rest = `"errors":${JSON.stringify(all)}${tellExtensions(extensions)}`
  return { text: `{"data":${data},${rest}}`, outcome: 'errors' }
}

function tellExtensions(extensions: Admitted['extensions']): string {
  return extensions === undefined ? '' : `,"extensions":${JSON.stringify(extensions)}`
}

function refuse(
  errors: readonly (ExecutionError | GraphQLError)[],
  prepared: PreparedOperation | undefined,
  format: FormatError,
  extensions?: Admitted['extensions'],
): GatewayAnswer {
  const text = `{"errors":${JSON.stringify(errors.map(format))}${tellExtensions(extensions)}}`
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
