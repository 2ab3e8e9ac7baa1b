// A small graph served for real over HTTP and WebSocket, with tokens of a fresh issuer.
import { makeExecutableSchema } from '@graphql-tools/schema'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { type ServeOptions, serveSchema } from './served-schema.ts'

const typeDefs = `
  type Query {
    me: String
    meta: Meta
    token: String
    twice(x: Int!): Int
    order(id: ID!): Order
    refused: Int
    broken: Int
  }
  type Meta { actor: String correlationId: String traceparent: String }
  type Order { id: ID! next: Order name: String! }
  type Mutation { place(position: Int!): Int }
  type Subscription { count(to: Int!): Int me: String token: String silence: Int refused: Int }
`

const order = (id: string) => ({ id, next: () => order(`${id}+`), name: `order ${id}` })

async function* countTo(to: number) {
  for (let value = 1; value <= to; value++) yield value
}

const resolvers = {
  Query: {
    me: (_: unknown, __: unknown, { viewer }: RequestContext) => viewer?.subject,
    meta: (_: unknown, __: unknown, { meta }: RequestContext) => meta,
    token: (_: unknown, __: unknown, { token }: RequestContext) => token,
    twice: (_: unknown, { x }: { x: number }) => x * 2,
    order: (_: unknown, { id }: { id: string }) => order(id),
    refused: () => {
      throw new CallerError('CONFLICT', 'used before', { key: 'k' })
    },
    broken: () => {
      throw new Error('password is hunter2')
    },
  },
  Mutation: {
    place: (_: unknown, { position }: { position: number }, { consistency }: RequestContext) => {
      consistency.reached('orders', position)
      return position
    },
  },
  Subscription: {
    count: {
      subscribe: (_: unknown, { to }: { to: number }) => countTo(to),
      resolve: (value: number) => value,
    },
    me: {
      subscribe: () => countTo(1),
      resolve: (_: unknown, __: unknown, { viewer }: RequestContext) => viewer?.subject,
    },
    token: {
      subscribe: () => countTo(1),
      resolve: (_: unknown, __: unknown, { token }: RequestContext) => token,
    },
    silence: { subscribe: () => silence() },
    refused: {
      subscribe: () => countTo(1),
      resolve: () => {
        throw new CallerError('FORBIDDEN', 'not yours')
      },
    },
  },
}

/** Never yields; ends when its subscriber does. */
function silence() {
  const { promise, resolve } = Promise.withResolvers<IteratorResult<number>>()
  const end = async () => {
    resolve({ done: true, value: undefined })
    return { done: true as const, value: undefined }
  }
  return { next: () => promise, return: end, throw: end, [Symbol.asyncIterator]: () => silence() }
}

export function serveGraph(options: ServeOptions = {}) {
  return serveSchema('orders', makeExecutableSchema({ typeDefs, resolvers }), options)
}
