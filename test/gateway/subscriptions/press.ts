// A press of two subgraphs that run for real, and the gateway's endpoints over them: articles are published, authors known elsewhere.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import { importJWK, type JWK, SignJWT } from 'jose'
import { createCurrentGraph } from '#gateway/current-graph.ts'
import { mountGateway } from '#gateway/endpoint.ts'
import { type Graph, openGraph } from '#gateway/graph.ts'
import { createConnections } from '#gateway/reload/connections.ts'
import { openSafety } from '#gateway/safety/open.ts'
import { readSettings, settingsOf } from '#gateway/settings.ts'
import { mountSubscriptions } from '#gateway/subscriptions/mount.ts'
import { connectSubgraph } from '#gateway/transport/connect.ts'
import { disclosureOf } from '#gateway/transport/disclosure.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'
import { startSubgraph, type Topics } from './subgraph.ts'

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@requires", "@external", "@authenticated", "@requiresScopes"])`

export const ARTICLES = `${LINK}
  type Query { article(id: ID!): Article }
  type Mutation { publish(id: ID!): Article }
  type Subscription {
    published(section: String): Article
    countdown(from: Int!): Int
    broken: Int
    bulky: String
  }
  type Article @key(fields: "id") { id: ID! title: String! author: Author }
  type Author @key(fields: "id") { id: ID! }`
export const AUTHORS = `${LINK}
  type Query { author(id: ID!): Author }
  type Author @key(fields: "id") { id: ID! name: String viewer: String secret: String @authenticated salary: Int @requiresScopes(scopes: [["payroll"]]) }
  type Article @key(fields: "id") { id: ID! title: String! @external byline: String @requires(fields: "title") }`

type Id = { readonly id: string }
type Context = { readonly headers?: Readonly<Record<string, unknown>> }

export const article = (id: string) => ({ id, title: `Title ${id}`, author: { id: `a${id}` } })

export const articles = (topics: Topics) => ({
  Query: { article: (_: unknown, { id }: Id) => article(id) },
  Mutation: {
    publish(_: unknown, { id }: Id) {
      topics.publish('published', article(id))
      return article(id)
    },
  },
  Subscription: {
    published: {
      subscribe: (_: unknown, { section }: { section?: string }) => topics.follow(section ?? 'published'),
      resolve: (value: unknown) => value,
    },
    countdown: {
      async *subscribe(_: unknown, { from }: { from: number }) {
        for (let left = from; left > 0; left--) yield left
      },
      resolve: (value: number) => value,
    },
    broken: {
      subscribe() {
        throw new Error('the presses have stopped')
      },
    },
    bulky: { subscribe: () => topics.follow('bulky'), resolve: (value: unknown) => value },
  },
})

export const authors = () => ({
  Query: { author: (_: unknown, { id }: Id) => ({ id }) },
  Author: {
    __resolveReference: ({ id }: Id) => ({ id }),
    name: ({ id }: Id) => (id === 'a13' ? Promise.reject(new Error('unlucky')) : `Author ${id}`),
    secret: () => 'pen name',
    salary: () => 40,
    viewer: (_: unknown, __: unknown, { headers }: Context) => headers?.authorization ?? null,
  },
  Article: {
    __resolveReference: (reference: Id) => reference,
    byline: ({ id, title }: { id: string; title: string }) => `${title} by a${id}`,
  },
})

export function compose(services: Readonly<Record<string, { sdl: string; url: string }>>): string {
  const { errors, supergraphSdl } = composeServices(
    Object.entries(services).map(([name, { sdl, url }]) => ({ name, url, typeDefs: parse(sdl) })),
  )
  if (errors) throw new Error(errors.map(error => error.message).join('\n'))
  return supergraphSdl
}

export type Press = Awaited<ReturnType<typeof startPress>>

/** `settings` are those of the gateway's settings file. */
export async function startPress(settings: object = {}, { auth = false } = {}) {
  await using open = new AsyncDisposableStack()
  const folder = open.use(await temporaryFolder())
  const issuer = await openEmbeddedIssuer(folder.path)
  const articlesSubgraph = open.use(await startSubgraph(ARTICLES, articles))
  const authorsSubgraph = open.use(await startSubgraph(AUTHORS, authors))
  const services = {
    articles: { sdl: ARTICLES, url: articlesSubgraph.url },
    authors: { sdl: AUTHORS, url: authorsSubgraph.url },
  }
  const read = readSettings(settings)
  const recording = recordingLogger()
  const { logger } = recording
  const disclosure = disclosureOf(read.errors, false)
  const connections = createConnections((name, url) =>
    connectSubgraph(name, url, settingsOf(read, name), { disclosure }),
  )
  const closedGraphs: Graph[] = []
  const openSdl = async (sdl: string): Promise<Graph> => {
    const from = 'a test'
    const graph = await openGraph(sdl, {
      from,
      settings: read,
      connections,
      subgraphUrls: {},
      introspection: true,
    })
    const watched: Graph = {
      ...graph,
      async [Symbol.asyncDispose]() {
        closedGraphs.push(watched)
        await graph[Symbol.asyncDispose]()
      },
    }
    return watched
  }
  const current = open.use(createCurrentGraph(await openSdl(compose(services))))
  const http = createHttpServer({ name: 'press', logger })
  const verifying = auth && { verifier: createVerifier({ ...issuer, roles: 'any' }) }
  const { admission, persisted } = open.use(await openSafety({ settings: read, logger }))
  const live = open.use(
    mountSubscriptions(http, {
      current,
      logger,
      admission,
      persisted,
      settings: read.subscriptions,
      instancesOf: name => read.subgraphs[name]?.urls?.map(one => one.url),
      ...verifying,
    }),
  )
  const { answerInParts } = live
  mountGateway(http, {
    current,
    logger,
    admission,
    persisted,
    answerInParts,
    development: false,
    limits: { ...read.limits, batch: 10 },
    batchesFrom: 'everybody',
    ...verifying,
  })
  open.use(http)
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 })
  async function gauge(name: string): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(new RegExp(`^${name}\\{.*service="press".*\\} (\\d+)`, 'm').exec(text)?.[1])
  }
  const running = open.move()
  return {
    ...recording,
    http,
    live,
    current,
    closedGraphs,
    articles: articlesSubgraph,
    authors: authorsSubgraph,
    services,
    graphql: `${url}/graphql`,
    stream: `${url}/graphql/stream`,
    socket: `${url.replace('http', 'ws')}/graphql`,
    publish: (id: string) => articlesSubgraph.topics.publish('published', article(id)),
    /** Client operations that are subscribed at this moment, and what is followed for them. */
    readers: () => gauge('waybill_gateway_subscribers'),
    followed: () => gauge('waybill_gateway_subscriptions'),
    /** Serves another supergraph from now on. */
    replace: async (sdl: string) => current.replace(await openSdl(sdl)),
    /** With a scope, which the embedded issuer gives nobody. */
    scopedToken: (subject: string, scope: string) => signScoped(folder.path, issuer, { subject, scope }),
    token: (subject: string, ttlSeconds = 600) => issuer.sign({ role: 'customer', subject, ttlSeconds }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function signScoped(
  folder: string,
  { issuer, audience }: { readonly issuer: string; readonly audience: string },
  { subject, scope }: { readonly subject: string; readonly scope: string },
): Promise<string> {
  const jwk: JWK = JSON.parse(await readFile(path.join(folder, 'issuer-key.json'), 'utf8'))
  return new SignJWT({ role: 'customer', scope })
    .setProtectedHeader({ alg: 'EdDSA', ...(jwk.kid && { kid: jwk.kid }) })
    .setSubject(subject)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('10 minutes')
    .sign(await importJWK(jwk, 'EdDSA'))
}
