// Starts a subgraph over HTTP that responds as a test tells it to, and records the requests that it gets.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isObject } from '#platform/domain/json.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

export type RecordedRequest = {
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly path: string
  readonly query: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
}

type Exchange = {
  readonly request: RecordedRequest
  readonly response: ServerResponse
  readonly socket: Socket
}

/** How the subgraph handles a request. A request without a response stays open. */
export type Behavior = (exchange: Exchange) => void

export type FaultySubgraph = AsyncDisposable & {
  readonly url: string
  readonly requests: RecordedRequest[]
  setBehavior(next: Behavior): void
  /** Resolves when no request is open, such as after the gateway has aborted it. */
  idle(): Promise<void>
}

export async function startFaultySubgraph(first: Behavior = () => {}): Promise<FaultySubgraph> {
  const requests: RecordedRequest[] = []
  const open = new Set<ServerResponse>()
  const waiting: (() => void)[] = []
  let behave = first
  const server = await serveHttp((request, response) => {
    open.add(response)
    response.once('close', () => {
      open.delete(response)
      if (open.size === 0) for (const resolve of waiting.splice(0)) resolve()
    })
    void readRequest(request).then(one => {
      requests.push(one)
      behave({ request: one, response, socket: request.socket })
    })
  })
  return {
    url: `${server.url}/graphql`,
    requests,
    setBehavior: next => {
      behave = next
    },
    idle: () => (open.size === 0 ? Promise.resolve() : new Promise<void>(resolve => waiting.push(resolve))),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function readRequest(request: IncomingMessage): Promise<RecordedRequest> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  const text = Buffer.concat(parts).toString()
  const body: unknown = text === '' ? {} : JSON.parse(text)
  const { query, variables } = isObject(body) ? body : {}
  return {
    headers: request.headers,
    path: request.url ?? '',
    text,
    query: typeof query === 'string' ? query : undefined,
    variables: isObject(variables) ? variables : {},
  }
}

/** Responds with `body` as it is. */
export function respondText(body: string, { status = 200, type = 'application/json' } = {}): Behavior {
  return ({ response }) => response.writeHead(status, { 'content-type': type }).end(body)
}

export const respondJson = (body: unknown, options?: { status?: number }): Behavior =>
  respondText(JSON.stringify(body), options)

/** Responds with one entity for each representation, made from its index. */
export function respondEntities(make: (index: number) => unknown): Behavior {
  return exchange => {
    const { representations } = exchange.request.variables
    const length = Array.isArray(representations) ? representations.length : 0
    respondJson({ data: { _entities: Array.from({ length }, (_, index) => make(index)) } })(exchange)
  }
}
