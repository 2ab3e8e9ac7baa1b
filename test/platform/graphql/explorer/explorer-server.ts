// A small graph with an explorer, served for real: who the viewer is, at once and as often as somebody says so.
import { EventEmitter, on } from 'node:events'
import { makeExecutableSchema } from '@graphql-tools/schema'
import type { RequestContext } from '#platform/graphql/context.ts'
import { type ExplorerOptions, mountExplorer } from '#platform/graphql/explorer/explorer.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { serveSchema } from '../served-schema.ts'

const typeDefs = `
  "What can be asked."
  type Query { me: String, twice(x: Int!): Int }
  type Subscription { greetings(greeting: String!): String }
`

export async function exploreGraph(options: Partial<ExplorerOptions> = {}) {
  const emitter = new EventEmitter()
  const listened = Promise.withResolvers<void>()
  const resolvers = {
    Query: {
      me: (_: unknown, __: unknown, { viewer }: RequestContext) => viewer?.subject ?? null,
      twice: (_: unknown, { x }: { x: number }) => x * 2,
    },
    Subscription: {
      greetings: {
        subscribe() {
          const rings = on(emitter, 'ring')
          listened.resolve()
          return rings
        },
        resolve: ([ring]: [number], { greeting }: { greeting: string }, { viewer }: RequestContext) =>
          `${greeting} ${ring}, ${viewer?.subject ?? 'nobody'}`,
      },
    },
  }
  const mount = (http: HttpServer) =>
    mountExplorer(http, {
      title: 'Explored graph',
      operations: [
        { name: 'Me', text: 'query Me {\n  me\n}' },
        { name: 'Twice', text: 'query Twice($x: Int!) {\n  twice(x: $x)\n}', variables: { x: 21 } },
        {
          name: 'Greetings',
          text: 'subscription Greetings($greeting: String!) {\n  greetings(greeting: $greeting)\n}',
          variables: { greeting: 'Good day' },
        },
      ],
      ...options,
    })
  const schema = makeExecutableSchema({ typeDefs, resolvers })
  const development = true
  const served = await serveSchema('explored', schema, { development, live: { development }, mount })
  return {
    ...served,
    page: `${served.root}/graphiql`,
    token: (subject: string, ttlSeconds?: number) => served.token('support', subject, ttlSeconds),
    /** Resolves when somebody follows the greetings. */
    listened: listened.promise,
    ring: (count: number) => void emitter.emit('ring', count),
  }
}
