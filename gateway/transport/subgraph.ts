// One subgraph: requests of the executor out, answers in, equal queries under way shared. Free of connections.
import type { IncomingHttpHeaders } from 'node:http'
import { cloneJson } from '#gateway/executor/clone-json.ts'
import type { SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import { observeFetches } from '#gateway/observe/fetches.ts'
import type { Connection, HttpResponse, OutgoingRequest } from '#gateway/transport/connection.ts'
import { type ErrorMasking, maskErrors, PRODUCTION_MASKING } from '#gateway/transport/error-masking.ts'
import { fetchErrors } from '#gateway/transport/fetch-failure.ts'
import type { CollectReplyHeaders } from '#gateway/transport/reply-headers.ts'
import {
  isValidResponse,
  notGraphqlError,
  parseJson,
  readResponse,
} from '#gateway/transport/subgraph-response.ts'
import { isObject } from '#platform/domain/json.ts'
import type { Policy } from '#platform/resilience/policy.ts'
import { traceparent } from '#platform/telemetry/tracing.ts'

export type SubgraphOptions = {
  readonly name: string
  readonly policy: Policy
  /** Closed with the subgraph. */
  readonly connection: Connection
  /** That go out with every request, beside the content type. */
  readonly headers?: Readonly<Record<string, string>>
  /** What of its answers' headers goes back to clients; nothing when left out. */
  readonly collectHeaders?: CollectReplyHeaders | undefined
  /** What callers are told of its errors; DISCREET when left out. */
  readonly masking?: ErrorMasking
  /** Called with each request that failed. */
  readonly onFailure?: (error: unknown) => void
  /** Applies the subgraph's header rules; left out where there are none. */
  readonly rule?: ((forwarded: ForwardedHeaders) => ForwardedHeaders) | undefined
}

/** What goes out with a request beside its body. */
export type ForwardedHeaders = {
  /** Headers that an answer may depend on: equal queries with equal ones are one request while it is under way. */
  readonly shared: Readonly<Record<string, string>>
  /** Headers that only tell whose request it is: of requests that are shared, those of the first go out. */
  readonly own: Readonly<Record<string, string>>
  /** `shared` as one text. */
  readonly key: string
  /** What the client sent: nothing of it goes out but what a rule says. */
  readonly incoming: IncomingHttpHeaders
}

export type SubgraphResult = {
  readonly response: SubgraphResponse
  readonly headers: HttpResponse['headers']
  /** Adds to what goes back to the client; undefined where nothing does. */
  readonly collectHeaders?: CollectReplyHeaders | undefined
}

export type Subgraph = AsyncDisposable & {
  readonly name: string
  readonly policy: Policy
  /** What goes out to this subgraph of what goes out to any: its header rules applied. */
  forward(forwarded: ForwardedHeaders): ForwardedHeaders
  /** Errors that it told elsewhere than in an answer to `ask`, as they go on to callers. */
  maskErrors(errors: readonly unknown[]): readonly unknown[]
  /** Applies `forward` itself. Never rejects: a request that fails is answered with errors at what stays empty for it. */
  fetch(request: SubgraphRequest, forwarded: ForwardedHeaders): Promise<SubgraphResult>
}

/** Only queries are tried again; a mutation goes out once and its caller decides, by its idempotency key. */
export function createSubgraph(options: SubgraphOptions): Subgraph {
  const { name, policy, connection, rule, collectHeaders, headers = {} } = options
  const { masking = PRODUCTION_MASKING, onFailure } = options
  const always = { 'content-type': 'application/json', accept: 'application/json', ...headers }
  const underWay = new Map<string, Exchange>()
  const observer = observeFetches(name)

  async function attempt(outgoing: OutgoingRequest): Promise<HttpResponse> {
    const received = await connection.send(outgoing)
    if (!isValidResponse(received)) throw notGraphqlError(name, received)
    return received
  }

  function send(request: SubgraphRequest, { shared, own }: ForwardedHeaders): Promise<HttpResponse> {
    const { body, kind, operation } = request
    const headers = { ...always, ...shared, ...own }
    return observer.run(request, () => {
      const trace = traceparent()
      const traced = trace === undefined ? headers : { ...headers, traceparent: trace }
      return policy.run(signal => attempt({ kind, operation, body, headers: traced, signal }), {
        idempotent: kind === 'query',
      })
    })
  }

  function masked(answer: SubgraphResponse, errors: readonly unknown[]): SubgraphResponse {
    return { ...answer, errors: maskErrors(errors, masking, name) }
  }

  function sendOnce(request: SubgraphRequest, forwarded: ForwardedHeaders): Exchange {
    if (request.kind !== 'query') return { received: send(request, forwarded), waiting: 1 }
    const key = `${forwarded.key}\n${request.body}`
    const found = underWay.get(key)
    if (found) {
      observer.deduplicated()
      found.waiting++
      return found
    }
    const received = send(request, forwarded).finally(() => underWay.delete(key))
    const exchange: Exchange = { received, waiting: 1 }
    underWay.set(key, exchange)
    return exchange
  }

  return {
    name,
    policy,
    forward: forwarded => rule?.(forwarded) ?? forwarded,
    maskErrors: errors => maskErrors(errors, masking, name),
    async fetch(request, forwarded) {
      try {
        const exchange = sendOnce(request, rule === undefined ? forwarded : rule(forwarded))
        const received = await exchange.received
        const answer = takeAnswer(exchange, received, name)
        if (answer.errors) observer.hadErrors()
        return {
          response: answer.errors ? masked(answer, answer.errors) : answer,
          headers: received.headers,
          collectHeaders,
        }
      } catch (error) {
        onFailure?.(error)
        const { query, variables } = parsedBody(request.body)
        return { response: { errors: fetchErrors({ name, query, variables }, error, masking) }, headers: {} }
      }
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  }
}

/** One request, and how many wait for what it brings. */
type Exchange = { readonly received: Promise<HttpResponse>; waiting: number; answer?: SubgraphResponse }

/** Parsed once for all who wait. Each execution changes its own in place: all but the last get copies. */
function takeAnswer(exchange: Exchange, received: HttpResponse, name: string): SubgraphResponse {
  exchange.answer ??= readResponse(received, name)
  exchange.waiting--
  const { answer, waiting } = exchange
  return waiting === 0 || !answer.data ? answer : { ...answer, data: cloneJson(answer.data) }
}

function parsedBody(body: string): {
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
