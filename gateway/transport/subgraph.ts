// One subgraph behind pooled keep-alive connections: requests of the executor out, answers in, equal queries under way shared.
import { Pool } from 'undici'
import { isObject, type SubgraphAnswer, type SubgraphRequest } from '#gateway/executor/execution.ts'
import { fetchErrors } from '#gateway/transport/fetch-failure.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Policy } from '#platform/resilience/policy.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'

export type SubgraphOptions = {
  readonly name: string
  readonly url: string
  readonly policy: Policy
  readonly connections?: number
  /** A larger answer is refused, so that one subgraph cannot fill the gateway's memory. */
  readonly maxResponseBytes?: number
}

/** What goes out with a request beside its body. */
export type Forwarded = {
  /** Headers that an answer may depend on: equal queries with equal ones are one request while it is under way. */
  readonly shared: Readonly<Record<string, string>>
  /** Headers that only tell whose request it is: of requests that are shared, those of the first go out. */
  readonly own: Readonly<Record<string, string>>
  /** `shared` as one text. */
  readonly key: string
}

export type SubgraphReply = {
  readonly answer: SubgraphAnswer
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export type Subgraph = AsyncDisposable & {
  readonly name: string
  readonly policy: Policy
  /** Never rejects: a request that fails is answered with errors at what stays empty for it. */
  ask(request: SubgraphRequest, forwarded: Forwarded): Promise<SubgraphReply>
}

const DEFAULT_CONNECTIONS = 64
const DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024

type Response = { readonly text: string; readonly status: number; readonly headers: SubgraphReply['headers'] }

/** Only queries are tried again; a mutation goes out once and its caller decides, by its idempotency key. */
export function createSubgraph(options: SubgraphOptions): Subgraph {
  const { name, policy, url } = options
  const { origin, pathname, search } = new URL(url)
  const maxResponseSize = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES
  const pool = new Pool(origin, { connections: options.connections ?? DEFAULT_CONNECTIONS, maxResponseSize })
  const underWay = new Map<string, Promise<Response>>()
  const path = pathname + search

  async function post(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const response = await pool.request({ path, method: 'POST', headers, body, signal })
    return { text: await response.body.text(), status: response.statusCode, headers: response.headers }
  }

  function send({ body, kind }: SubgraphRequest, { shared, own }: Forwarded): Promise<Response> {
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...shared, ...own }
    return inSpan(`subgraph ${name}`, { kind: 'client' }, () => {
      const trace = traceparent()
      const traced = trace === undefined ? headers : { ...headers, traceparent: trace }
      return policy.run(signal => post(body, traced, signal), { idempotent: kind === 'query' })
    })
  }

  /** The text is shared, never what is parsed of it: each execution changes its own. */
  function sendOnce(request: SubgraphRequest, forwarded: Forwarded): Promise<Response> {
    if (request.kind !== 'query') return send(request, forwarded)
    const key = `${forwarded.key}\n${request.body}`
    const found = underWay.get(key)
    if (found) return found
    const sent = send(request, forwarded).finally(() => underWay.delete(key))
    underWay.set(key, sent)
    return sent
  }

  return {
    name,
    policy,
    async ask(request, forwarded) {
      try {
        const { text, status, headers } = await sendOnce(request, forwarded)
        return { answer: read(text, name, status), headers }
      } catch (error) {
        const { query, variables } = parsedBody(request.body)
        return { answer: { errors: fetchErrors({ name, query, variables }, error) }, headers: {} }
      }
    },
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

function read(text: string, name: string, status: number): SubgraphAnswer {
  const answer = parseJson(text)
  if (isObject(answer) && (isObject(answer.data) || answer.data === null || Array.isArray(answer.errors)))
    return {
      data: isObject(answer.data) ? answer.data : null,
      ...(Array.isArray(answer.errors) && { errors: answer.errors }),
    }
  throw new CallerError('UNAVAILABLE', `${name} answered with something that is not GraphQL (HTTP ${status})`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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
