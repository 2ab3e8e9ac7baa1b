// One operation from its text to the text of its answer. Free of HTTP.
import { GraphQLError } from 'graphql'
import type {
  Execution,
  ExecutionError,
  PathKey,
  SubgraphRequest,
  SubgraphResponse,
} from '#gateway/executor/execution.ts'
import type { OperationCache } from '#gateway/operations/operation-cache.ts'
import type { PreparedOperation } from '#gateway/operations/prepared-operation.ts'
import type { AdmissionDecision, Admit } from '#gateway/pipeline/admission.ts'
import {
  type Extensions,
  type FormatError,
  type GatewayResponse,
  refuse,
  writeExtensions,
} from '#gateway/pipeline/response.ts'
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
  readonly fetch: Fetch
  /** Takes a query's execution from an equal one under way; each has its own when left out. */
  readonly deduplicate?:
    | ((
        query: { readonly prepared: PreparedOperation; readonly variables: Coerced },
        run: Run,
      ) => Promise<ExecutionResult>)
    | undefined
}

type Coerced = Readonly<Record<string, unknown>>
type Fetch = (request: SubgraphRequest) => Promise<SubgraphResponse>
type Run = (fetch: Fetch) => Promise<ExecutionResult>

/** What an execution found, before anybody is told. */
export type ExecutionResult = {
  /** The answer as if there were no errors: `{"data":…}`. */
  readonly text: string
  readonly errors: readonly ExecutionError[]
}

const LASTING =
  'A subscription is sent over WebSocket, to /stream, or by a POST that accepts multipart/mixed;subscriptionSpec=1.0.'

const NOTHING_TO_TELL: AdmissionDecision = { refusal: undefined }

export async function executeOperation(
  operations: OperationCache,
  request: GatewayRequest,
  format: FormatError,
): Promise<GatewayResponse> {
  const prepared = await operations.prepare(request.query, request.operationName, request.claims)
  if ('errors' in prepared) return refuse(prepared.errors, format)
  const { name, kind } = prepared
  if (request.queriesOnly && kind !== 'query')
    return {
      ...refuse([new GraphQLError(`A ${kind} must be sent by POST.`)], format, { prepared }),
      outcome: 'not a query',
    }
  if (kind === 'subscription') return refuse([new GraphQLError(LASTING)], format, { prepared })
  const coerced = prepared.coerce(request.variables)
  if ('errors' in coerced) return refuse(coerced.errors, format, { prepared })
  const withheld = prepared.unauthorized?.errors(coerced.variables) ?? []
  if (prepared.unauthorized?.refuses && withheld.length > 0) return refuse(withheld, format, { prepared })
  const asking = request.admit?.({ estimate: prepared.estimate, variables: coerced.variables })
  const admitted = asking instanceof Promise ? await asking : asking
  const { extensions, headers, refusal } = admitted ?? NOTHING_TO_TELL
  if (refusal) return refuse([refusal], format, { prepared, ...admitted })
  const { variables } = coerced
  const run: Run = fetch =>
    complete(prepared, { data: prepared.introspect?.(variables) ?? {}, errors: [], variables, fetch })
  const sharing = kind === 'query' ? request.deduplicate : undefined
  const completed = await (sharing ? sharing({ prepared, variables }, run) : run(request.fetch))
  const { text, outcome } = tell(completed, { withheld, format, extensions })
  return { text, outcome, name, kind, ...(headers && { headers }) }
}

type Finish = {
  readonly withheld: readonly ExecutionError[]
  readonly format: FormatError
  /** Of the answer; none when left out. */
  readonly extensions?: Extensions | undefined
}

/** Runs what is left of the plan on what `execution` has so far, and writes the whole answer. */
export async function finishExecution(
  prepared: PreparedOperation,
  execution: Execution,
  told: Finish,
): Promise<Pick<GatewayResponse, 'text' | 'outcome'>> {
  return tell(await complete(prepared, execution), told)
}

async function complete(prepared: PreparedOperation, execution: Execution): Promise<ExecutionResult> {
  const running = prepared.run(execution)
  if (running) await running
  const { errors } = execution
  const told = errors.length
  const text = `{"data":${prepared.write(execution.data, execution)}}`
  return { text, errors: errors.length === 0 ? errors : withoutConsequences(errors, told) }
}

function tell(
  { text, errors }: ExecutionResult,
  { withheld, format, extensions }: Finish,
): Pick<GatewayResponse, 'text' | 'outcome'> {
  if (errors.length + withheld.length === 0)
    return { text: extensions ? `${text.slice(0, -1)}${writeExtensions(extensions)}}` : text, outcome: 'ok' }
  const all = [...withheld, ...errors].map(format)
  const rest = `"errors":${JSON.stringify(all)}${writeExtensions(extensions)}`
  return { text: `${text.slice(0, -1)},${rest}}`, outcome: 'errors' }
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
