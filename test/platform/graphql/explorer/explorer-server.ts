// A small graph with an explorer, served for real: who the viewer is, at once and as often as somebody says so.
import { EventEmitter, on } from 'node:events'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { mountGraphql } from '#platform/graphql/endpoint/endpoint.ts'
import { type ExplorerOptions, mountExplorer } from '#platform/graphql/explorer/explorer.ts'
import { mountLiveGraphql } from '#platform/graphql/live-server/live-server.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { temporaryFolder } from '../../auth/temporary-folder.ts'
import { recordingLogger } from '../../telemetry/recording-logger.ts'

const typeDefs = `
  "What can be asked."
  type Query { me: String, twice(x: Int!): Int }
  type Subscription { greetings(greeting: String!): String }
`

export async function exploreGraph(options: Partial<ExplorerOptions> = {}) {
  const folder = await temporaryFolder()
  const issuer = await openEmbeddedIssuer(folder.path)
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
  const { logger } = recordingLogger()
  const http = createHttpServer({ name: 'explored', logger })
  const schema = makeExecutableSchema({ typeDefs, resolvers })
  const shared = { schema, verifier: createVerifier(issuer), development: true }
  const endpoint = await mountGraphql(http, shared)
  mountLiveGraphql(http, shared)
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
  const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    port,
    page: `${url}/graphiql`,
    token: (subject: string, ttlSeconds = 600) => issuer.sign({ role: 'support', subject, ttlSeconds }),
    /** Resolves when somebody follows the greetings. */
    listened: listened.promise,
    ring: (count: number) => void emitter.emit('ring', count),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await endpoint[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
