// A subgraph that answers whatever a test tells it to, over real HTTP, and counts what is asked of it and held open.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isObject } from '#platform/domain/json.ts'

export type Asked = {
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly path: string
  readonly query: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
}

type Exchange = { readonly asked: Asked; readonly response: ServerResponse; readonly socket: Socket }

/** What the liar does with a request. Whatever it does not answer stays open. */
export type Lie = (exchange: Exchange) => void

export type Liar = AsyncDisposable & {
  readonly url: string
  readonly asked: Asked[]
  lie(next: Lie): void
  /** Resolves when no request is under way, which a gateway that gave up on one brings about. */
  left(): Promise<void>
}

export async function startLiar(first: Lie = () => {}): Promise<Liar> {
  const asked: Asked[] = []
  const underWay = new Set<ServerResponse>()
  const waiting: (() => void)[] = []
  let lie = first
  const server = createServer((request, response) => {
    underWay.add(response)
    response.once('close', () => {
      underWay.delete(response)
      if (underWay.size === 0) for (const resolve of waiting.splice(0)) resolve()
    })
    void readAsked(request).then(one => {
      asked.push(one)
      lie({ asked: one, response, socket: request.socket })
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    asked,
    lie: next => {
      lie = next
    },
    left: () =>
      underWay.size === 0 ? Promise.resolve() : new Promise<void>(resolve => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
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

/** Answers `body` as it is, with `status` and as `type`. */
export function says(body: string, { status = 200, type = 'application/json' } = {}): Lie {
  return ({ response }) => response.writeHead(status, { 'content-type': type }).end(body)
}

export const saysJson = (body: unknown, options?: { status?: number }): Lie =>
  says(JSON.stringify(body), options)

/** The entities that were asked for, each made of its index, as the subgraph of reviews would answer. */
export function entities(make: (index: number) => unknown): Lie {
  return exchange => {
    const { representations } = exchange.asked.variables
    const length = Array.isArray(representations) ? representations.length : 0
    saysJson({ data: { _entities: Array.from({ length }, (_, index) => make(index)) } })(exchange)
  }
}
