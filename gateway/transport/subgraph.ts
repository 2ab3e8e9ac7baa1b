// Sends the executor's requests to one subgraph, and sends equal queries that run at the same time only once.
import { cloneJson } from '#gateway/executor/clone-json.ts'
import type { SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import { type FetchObserver, observeFetches } from '#gateway/observe/fetches.ts'
import type { Connection, HttpResponse, OutgoingRequest } from '#gateway/transport/connection.ts'
import { type ErrorMasking, maskErrors, PRODUCTION_MASKING } from '#gateway/transport/error-masking.ts'
import { fetchErrors } from '#gateway/transport/fetch-failure.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import type { CollectReplyHeaders } from '#gateway/transport/reply-headers.ts'
import { isValidResponse, notGraphqlError, readResponse } from '#gateway/transport/subgraph-response.ts'
import { isObject, parseJson } from '#platform/domain/json.ts'
import type { Policy } from '#platform/resilience/policy.ts'
import { traceparent } from '#platform/telemetry/tracing.ts'

type SubgraphOptions = {
  readonly name: string
  readonly policy: Policy
  /** Closed with the subgraph. */
  readonly connection: Connection
  /** Headers that go out with every request, next to the content type. */
  readonly headers?: Readonly<Record<string, string>>
  /** Collects the response headers that go back to clients; left out, none do. */
  readonly collectHeaders?: CollectReplyHeaders | undefined
  /** Says what clients see of the subgraph's errors; PRODUCTION_MASKING when left out. */
  readonly masking?: ErrorMasking
  /** Called with the error of each failed request. */
  readonly onFailure?: (error: unknown) => void
  /** Applies the subgraph's header rules. */
  readonly forward: (forwarded: ForwardedHeaders) => ForwardedHeaders
}

type SubgraphResult = {
  readonly response: SubgraphResponse
  readonly headers: HttpResponse['headers']
  readonly collectHeaders?: CollectReplyHeaders | undefined
}

export type Subgraph = AsyncDisposable & {
  readonly name: string
  readonly policy: Policy
  /** Applies the subgraph's header rules. */
  forward(forwarded: ForwardedHeaders): ForwardedHeaders
  /** Masks errors that arrived otherwise than in the response to `fetch`, such as a subscription's. */
  maskErrors(errors: readonly unknown[]): readonly unknown[]
  /** Applies `forward` itself. Never rejects: a failed request is a response with an error for each missing field. */
  fetch(request: SubgraphRequest, forwarded: ForwardedHeaders): Promise<SubgraphResult>
}

/** A request that is being sent, and the number of executions that wait for its response. */
type RunningRequest = {
  readonly received: Promise<HttpResponse>
  waiting: number
  response?: SubgraphResponse
}

type SubgraphState = SubgraphOptions & {
  readonly masking: ErrorMasking
  readonly headers: Readonly<Record<string, string>>
  readonly observer: FetchObserver
  readonly running: Map<string, RunningRequest>
}

/** Retries queries only: a mutation goes out once, and its caller decides about another by its idempotency key. */
export function createSubgraph(options: SubgraphOptions): Subgraph {
  const { name, policy, connection, forward, headers, masking = PRODUCTION_MASKING } = options
  const state: SubgraphState = {
    ...options,
    masking,
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    observer: observeFetches(name),
    running: new Map(),
  }
  return {
    name,
    policy,
    forward,
    maskErrors: errors => maskErrors(errors, masking, name),
    fetch: (request, forwarded) => fetchResponse(state, request, forwarded),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  }
}

async function fetchResponse(
  state: SubgraphState,
  request: SubgraphRequest,
  forwarded: ForwardedHeaders,
): Promise<SubgraphResult> {
  const { name, forward, masking, observer, collectHeaders, onFailure } = state
  try {
    const running = sendOnce(state, request, forward(forwarded))
    const received = await running.received
    const response = takeResponse(running, received, name)
    if (response.errors) observer.hadErrors()
    const errors = response.errors && maskErrors(response.errors, masking, name)
    return {
      response: errors ? { ...response, errors } : response,
      headers: received.headers,
      collectHeaders,
    }
  } catch (error) {
    onFailure?.(error)
    const { query, variables } = parseRequest(request.body)
    return { response: { errors: fetchErrors({ name, query, variables }, error, masking) }, headers: {} }
  }
}

/** Joins an equal query that is being sent, where there is one. */
function sendOnce(
  state: SubgraphState,
  request: SubgraphRequest,
  forwarded: ForwardedHeaders,
): RunningRequest {
  const { running, observer } = state
  if (request.kind !== 'query') return { received: send(state, request, forwarded), waiting: 1 }
  const key = `${forwarded.key}\n${request.body}`
  const found = running.get(key)
  if (found) {
    observer.deduplicated()
    found.waiting++
    return found
  }
  const received = send(state, request, forwarded).finally(() => running.delete(key))
  const started: RunningRequest = { received, waiting: 1 }
  running.set(key, started)
  return started
}

function send(
  state: SubgraphState,
  request: SubgraphRequest,
  { shared, own }: ForwardedHeaders,
): Promise<HttpResponse> {
  const { body, kind, operation } = request
  const headers = { ...state.headers, ...shared, ...own }
  return state.observer.run(request, () => {
    const trace = traceparent()
    const traced = trace === undefined ? headers : { ...headers, traceparent: trace }
    return state.policy.run(signal => attempt(state, { kind, operation, body, headers: traced, signal }), {
      idempotent: kind === 'query',
    })
  })
}

async function attempt({ name, connection }: SubgraphState, request: OutgoingRequest): Promise<HttpResponse> {
  const received = await connection.send(request)
  if (!isValidResponse(received)) throw notGraphqlError(name, received)
  return received
}

/** Parses the response once for all who wait. Each execution changes its data in place, so all but the last get clones. */
function takeResponse(running: RunningRequest, received: HttpResponse, name: string): SubgraphResponse {
  running.response ??= readResponse(received, name)
  running.waiting--
  const { response, waiting } = running
  return waiting === 0 || !response.data ? response : { ...response, data: cloneJson(response.data) }
}

function parseRequest(body: string): {
  query: string | undefined
  variables: Record<string, unknown> | undefined
} {
  const parsed = parseJson(body)
  const { query, variables } = isObject(parsed) ? parsed : {}
  return {
    query: typeof query === 'string' ? query : undefined,
    variables: isObject(variables) ? variables : undefined,
  }
}
