// A subgraph as others write them: queries over HTTP, subscriptions by graphql-ws and graphql-sse. It can stop and come back.
import { EventEmitter, on, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { json } from 'node:stream/consumers'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { type GraphQLSchema, graphql, parse } from 'graphql'
import { createHandler } from 'graphql-sse/lib/use/http'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'

type Headers = Readonly<Record<string, unknown>>

export type SubgraphBehaviour = {
  /** What of a subscription's headers and connection_init does not let it in. */
  refuses?: (given: Headers) => boolean
  /** Called before an answer over HTTP. */
  delay?: () => Promise<unknown>
}

export type Topics = {
  publish(topic: string, value: unknown): void
  /** What is published from now on; `listening` counts it. */
  follow(topic: string): AsyncIterableIterator<unknown>
  listening(topic: string): number
  /** How many values its followers have taken. */
  taken(topic: string): number
}

export function createTopics(): Topics {
  const emitter = new EventEmitter().setMaxListeners(0)
  const taken = new Map<string, number>()
  return {
    publish: (topic, value) => void emitter.emit(topic, value),
    // A generator would hear of its end only with the next value.
    follow(topic) {
      const events = on(emitter, topic)
      return {
        async next() {
          const { done, value } = await events.next()
          if (!done) taken.set(topic, (taken.get(topic) ?? 0) + 1)
          return done ? { done, value: undefined } : { done: false, value: value[0] }
        },
        async return() {
          await events.return?.()
          return { done: true, value: undefined }
        },
        [Symbol.asyncIterator]() {
          return this
        },
      }
    },
    listening: topic => emitter.listenerCount(topic),
    taken: topic => taken.get(topic) ?? 0,
  }
}

export type RunningSubgraph = Awaited<ReturnType<typeof startSubgraph>>

/** `topics` outlive a restart, as a broker would. */
export async function startSubgraph(sdl: string, resolversOf: (topics: Topics) => object) {
  const topics = createTopics()
  const schema = buildSubgraphSchema({
    typeDefs: parse(sdl),
    resolvers: resolversOf(topics) as NonNullable<
      Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
    >,
  })
  const behaviour: SubgraphBehaviour = {}
  /** Of HTTP requests with a query, of upgrades, of connection_inits, of event streams. */
  const seen = {
    queries: [] as { readonly query: string; readonly headers: Headers }[],
    upgrades: [] as Headers[],
    inits: [] as unknown[],
    streams: [] as Headers[],
    subscriptions: [] as string[],
  }
  let running = await listen({ schema, behaviour, seen }, 0)
  const { port } = running
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    port,
    topics,
    behaviour,
    seen,
    /** Cuts everything, as a process that is killed does. */
    stop: () => running.stop(),
    async start() {
      running = await listen({ schema, behaviour, seen }, port)
    },
    /** Ends connections one by one, with their protocol's own farewell. */
    closeSockets: (code: number, reason: string) => running.closeSockets(code, reason),
    cutConnections: () => running.cutConnections(),
    [Symbol.asyncDispose]: () => running.stop(),
  }
}

type Serving = {
  readonly schema: GraphQLSchema
  readonly behaviour: SubgraphBehaviour
  readonly seen: {
    queries: { readonly query: string; readonly headers: Headers }[]
    upgrades: Headers[]
    inits: unknown[]
    streams: Headers[]
    subscriptions: string[]
  }
}

async function listen({ schema, behaviour, seen }: Serving, port: number) {
  const streams = createHandler({
    schema,
    authenticate: () => '',
    onSubscribe(_request, params) {
      seen.subscriptions.push(params.query)
    },
  })
  const server = createServer((request, response) => {
    if (!request.url?.startsWith('/graphql/stream')) {
      answer(request, response).catch(() => response.destroy())
      return
    }
    seen.streams.push(request.headers)
    if (behaviour.refuses?.(request.headers)) response.writeHead(401).end()
    else streams(request, response).catch(() => response.destroy())
  })
  const sockets = new WebSocketServer({ server, path: '/graphql' })
  const connections = new Set<Socket>()
  server.on('connection', socket => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  sockets.on('connection', (_socket, request) => seen.upgrades.push(request.headers))
  useServer(
    {
      schema,
      onConnect({ connectionParams }) {
        seen.inits.push(connectionParams)
        return !behaviour.refuses?.(connectionParams ?? {})
      },
      onSubscribe(_context, _id, { query }) {
        seen.subscriptions.push(query)
      },
    },
    sockets,
  )

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { query, variables } = (await json(request)) as {
      query: string
      variables?: Record<string, unknown>
    }
    seen.queries.push({ query, headers: request.headers })
    await behaviour.delay?.()
    const contextValue = { headers: request.headers }
    const result = await graphql({ schema, source: query, variableValues: variables ?? null, contextValue })
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
  }

  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    closeSockets(code: number, reason: string) {
      for (const socket of sockets.clients) socket.close(code, reason)
    },
    cutConnections() {
      for (const socket of connections) socket.destroy()
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of connections) socket.destroy()
      await closed
    },
  }
}
