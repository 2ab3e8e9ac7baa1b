// Executes one operation: from the text of the operation to the text of the response.
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
import type { Admit } from '#gateway/pipeline/admission.ts'
import { executeInParts } from '#gateway/pipeline/execute-in-parts.ts'
import {
  type Extensions,
  type FormatError,
  type GatewayResponse,
  type PartsSender,
  refuse,
  writeExtensions,
} from '#gateway/pipeline/response.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'

export type GatewayRequest = {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Variables
  /** True for a GET. */
  readonly queriesOnly: boolean
  /** The claims of the caller's token; undefined without a token. */
  readonly claims?: Claims | undefined
  /** Decides whether the operation may run; left out, it may. */
  readonly admit?: Admit | undefined
  readonly fetch: Fetch
  /** Sends parts to a client that accepts them; left out, it gets a single response. */
  readonly parts?: PartsSender | undefined
  /** Joins the execution of an equal query that is running; left out, each query has its own. */
  readonly deduplicate?:
    | ((
        query: { readonly prepared: PreparedOperation; readonly variables: Variables },
        run: Run,
      ) => Promise<ExecutionResult>)
    | undefined
}

type Variables = Readonly<Record<string, unknown>>
type Fetch = (request: SubgraphRequest) => Promise<SubgraphResponse>
type Run = (fetch: Fetch) => Promise<ExecutionResult>

/** The result of an execution before errors are formatted for one caller. */
export type ExecutionResult = {
  /** The response as if there were no errors: `{"data":…}`. */
  readonly text: string
  readonly errors: readonly ExecutionError[]
}

const NO_SUBSCRIPTIONS =
  'A subscription is sent over WebSocket, to /stream, or by a POST that accepts multipart/mixed;subscriptionSpec=1.0.'

export async function executeOperation(
  operations: OperationCache,
  request: GatewayRequest,
  format: FormatError,
): Promise<GatewayResponse> {
  const prepared = await operations.prepare(request.query, request.operationName, request.claims)
  if ('errors' in prepared) return refuse(prepared.errors, format)
  const { name, kind } = prepared
  if (request.queriesOnly && kind !== 'query')
    return refuse([new GraphQLError(`A ${kind} must be sent by POST.`)], format, { prepared, status: 405 })
  if (kind === 'subscription') return refuse([new GraphQLError(NO_SUBSCRIPTIONS)], format, { prepared })
  const coerced = prepared.coerce(request.variables)
  if ('errors' in coerced) return refuse(coerced.errors, format, { prepared })
  const { variables } = coerced
  const unauthorized = prepared.unauthorized?.errors(variables) ?? []
  if (prepared.unauthorized?.refuses && unauthorized.length > 0)
    return refuse(unauthorized, format, { prepared })
  const admitting = request.admit?.({ estimate: prepared.estimate, variables })
  const admitted = admitting instanceof Promise ? await admitting : admitting
  if (admitted?.refusal) return refuse([admitted.refusal], format, { prepared, ...admitted })
  const { extensions, headers } = admitted ?? {}
  if (request.parts && prepared.runInParts) {
    const execution = { data: {}, errors: [], variables, fetch: request.fetch }
    const details = { parts: request.parts, format, extensions, headers }
    const sent = await executeInParts(prepared, execution, details)
    if (sent) return sent
  }
  const result = await execute(prepared, variables, request)
  const { text, outcome } = writeResponse(result, { unauthorized, format, extensions })
  return { text, outcome, name, kind, ...(headers && { headers }) }
}

function execute(
  prepared: PreparedOperation,
  variables: Variables,
  { fetch, deduplicate }: GatewayRequest,
): Promise<ExecutionResult> {
  const run: Run = fetch =>
    complete(prepared, { data: prepared.introspect?.(variables) ?? {}, errors: [], variables, fetch })
  return deduplicate && prepared.kind === 'query' ? deduplicate({ prepared, variables }, run) : run(fetch)
}

type ResponseDetails = {
  /** The errors of fields that the caller may not see. */
  readonly unauthorized: readonly ExecutionError[]
  readonly format: FormatError
  /** The `extensions` of the response; left out, it has none. */
  readonly extensions?: Extensions | undefined
}

/** Runs the rest of the plan on the data that `execution` has so far, and returns the whole response. */
export async function finishExecution(
  prepared: PreparedOperation,
  execution: Execution,
  details: ResponseDetails,
): Promise<Pick<GatewayResponse, 'text' | 'outcome'>> {
  return writeResponse(await complete(prepared, execution), details)
}

async function complete(prepared: PreparedOperation, execution: Execution): Promise<ExecutionResult> {
  const running = prepared.run(execution)
  if (running) await running
  const { errors } = execution
  const fetched = errors.length
  const text = `{"data":${prepared.write(execution.data, execution)}}`
  return { text, errors: errors.length === 0 ? errors : withoutConsequences(errors, fetched) }
}

function writeResponse(
  { text, errors }: ExecutionResult,
  { unauthorized, format, extensions }: ResponseDetails,
): Pick<GatewayResponse, 'text' | 'outcome'> {
  if (errors.length + unauthorized.length === 0)
    return { text: extensions ? `${text.slice(0, -1)}${writeExtensions(extensions)}}` : text, outcome: 'ok' }
  const all = [...unauthorized, ...errors].map(format)
  const rest = `"errors":${JSON.stringify(all)}${writeExtensions(extensions)}`
  return { text: `${text.slice(0, -1)},${rest}}`, outcome: 'errors' }
}

/** Drops the errors of completion at, above or below a path for which fetching has reported an error already. */
function withoutConsequences(errors: readonly ExecutionError[], fetched: number): ExecutionError[] {
  const causes = errors.slice(0, fetched)
  const completion = errors.slice(fetched)
  return [
    ...causes,
    ...completion.filter(({ path = [] }) => !causes.some(cause => overlap(cause.path ?? [], path))),
  ]
}

function overlap(one: readonly PathKey[], other: readonly PathKey[]): boolean {
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return false
  return true
}
