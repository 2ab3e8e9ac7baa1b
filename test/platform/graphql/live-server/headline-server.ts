// A live graph served for real: headlines that are the same for all who read them, and a bare socket to talk to it.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { WebSocket } from 'ws'
import type { Role } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import type { LiveOptions } from '#platform/graphql/live-server/live-server.ts'
import { serveSchema } from '../served-schema.ts'
import { createHeadlineFeed, type Headline } from './headline-feed.ts'

const typeDefs = `
  type Query { twice(x: Int!): Int, text(length: Int!): String, required: String }
  type Mutation { put(text: String!): Int }
  type Subscription {
    headlines(after: String, audience: String): Headline!
    broken: Int
    countdown(from: Int!): Int
  }
  type Headline { cursor: String! text(after: String): String! padding(length: Int!): String reader: String loads: Int }
`

async function* countDown(from: number) {
  for (let left = from; left > 0; left--) yield left
}

async function* breakAfterOne() {
  yield 1
  throw new CallerError('UNAVAILABLE', 'the presses have stopped')
}

/** `executions` counts how often a headline was executed. */
export async function serveLive(live: Partial<LiveOptions> = {}) {
  const feed = createHeadlineFeed()
  const count = { executions: 0 }
  const sockets = new Set<Socket>()
  const schema = makeExecutableSchema<RequestContext>({ typeDefs, resolvers: resolversOf(feed, count) })
  const served = await serveSchema('live', schema, { live })
  served.http.app.server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const token = (subject: string, { role = 'customer' as Role, ttlSeconds = 600 } = {}) =>
    served.token(role, subject, ttlSeconds)
  return {
    ...served,
    feed,
    count,
    /** The server's ends of all connections. */
    sockets,
    url: served.liveUrl,
    token,
    bearer: async (...of: Parameters<typeof token>) => ({ authorization: `Bearer ${await token(...of)}` }),
  }
}

export type LiveGraph = Awaited<ReturnType<typeof serveLive>>

function resolversOf(feed: ReturnType<typeof createHeadlineFeed>, count: { executions: number }) {
  const subscription = {
    headlines: {
      subscribe: (_: unknown, { after, audience }: { after?: string; audience?: string }) =>
        feed.read(after, audience),
      resolve(headline: Headline) {
        count.executions += 1
        return headline
      },
    },
    broken: { subscribe: breakAfterOne, resolve: (value: number) => value },
    countdown: {
      subscribe: (_: unknown, { from }: { from: number }) => countDown(from),
      resolve: (value: number) => value,
    },
  }
  return {
    Query: {
      twice: (_: unknown, { x }: { x: number }) => x * 2,
      text: (_: unknown, { length }: { length: number }) => 'x'.repeat(length),
      required: (_: unknown, __: unknown, { consistency }: RequestContext) =>
        JSON.stringify(consistency.required),
    },
    Mutation: {
      put(_: unknown, { text }: { text: string }, { consistency }: RequestContext) {
        consistency.reached('news', feed.publish(text))
        return 1
      },
    },
    Subscription: subscription,
    Headline: {
      padding: (_: unknown, { length }: { length: number }) => 'x'.repeat(length),
      text: ({ text }: Headline, { after }: { after?: string }) => `${text}${after ?? ''}`,
      reader: (_: unknown, __: unknown, { viewer }: RequestContext) => viewer?.subject,
      loads(_: unknown, __: unknown, context: RequestContext) {
        const loader = loaderOf(context, 'loads', () => ({ loads: 0 }))
        loader.loads += 1
        return loader.loads
      },
    },
  }
}

export type RawSocket = Awaited<ReturnType<typeof openRawSocket>>

/** A bare connection, to see its close code and to send what a well-behaved client would not. */
export async function openRawSocket(
  { url }: Pick<LiveGraph, 'url'>,
  init?: Record<string, unknown>,
  {
    protocol = 'graphql-transport-ws',
    headers = {},
  }: { protocol?: string; headers?: Record<string, string> } = {},
) {
  const socket = new WebSocket(url, protocol === '' ? [] : protocol, { headers })
  const messages: Record<string, unknown>[] = []
  const waiting = new Set<() => void>()
  socket.on('message', data => {
    messages.push(JSON.parse(String(data)))
    for (const check of waiting) check()
  })
  const closed = new Promise<{ code: number; reason: string }>(resolve =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const send = (value: object | string) =>
    socket.send(typeof value === 'string' ? value : JSON.stringify(value))
  await once(socket, 'open')
  if (init) send({ type: 'connection_init', payload: init })
  return {
    socket,
    messages,
    closed,
    send,
    /** Resolves with the first message, past or to come, that fits. */
    seen: (fits: (message: Record<string, unknown>) => boolean) =>
      new Promise<Record<string, unknown>>(resolve => {
        const check = () => {
          const found = messages.find(fits)
          if (found === undefined) return void waiting.add(check)
          waiting.delete(check)
          resolve(found)
        }
        check()
      }),
    subscribe: (id: string, query: string, rest: object = {}) =>
      send({ id, type: 'subscribe', payload: { query, ...rest } }),
    [Symbol.dispose]: () => socket.terminate(),
  }
}

export const ofType = (type: string) => (message: Record<string, unknown>) => message.type === type

/** A connection that was let in. */
export async function openAcknowledged(
  graph: Pick<LiveGraph, 'url'>,
  init: Record<string, unknown> = {},
  options: { headers?: Record<string, string> } = {},
): Promise<RawSocket> {
  const raw = await openRawSocket(graph, init, options)
  await raw.seen(ofType('connection_ack'))
  return raw
}
