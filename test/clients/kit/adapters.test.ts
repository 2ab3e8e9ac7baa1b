import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { Client, fetchExchange } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import { buildSchema, graphql, introspectionFromSchema } from 'graphql'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { apolloSender, cachePolicies, liveLink } from '#clients/kit/src/adapters/apollo.ts'
import { graphcacheOptions, liveExchange, urqlSender } from '#clients/kit/src/adapters/urql.ts'
import { smallSchema } from '#clients/kit/src/codegen.ts'
import type { GraphqlRequest, SendOperation } from '#clients/kit/src/core/index.ts'
import type { Live, Sink } from '#clients/kit/src/live/live.ts'
import { createOutbox, type OutboxStore } from '#clients/kit/src/outbox/outbox.ts'
import { WAIT } from '#test/fixtures/wait.ts'

const SCHEMA = buildSchema(`
  interface Node { id: ID! }
  type Thing implements Node { id: ID! size: Size! status: String! }
  type Size { width: Int! }
  type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type ThingEdge { cursor: String! node: Thing! }
  type ThingConnection { edges: [ThingEdge!]! nodes: [Thing!]! pageInfo: PageInfo! }
  type Changed { thing: Thing! }
  type Refused { code: String! message: String! }
  union Result = Changed | Refused
  type Query { things(filter: String, first: Int, after: String, last: Int, before: String): ThingConnection! }
  type Mutation { change(key: String!): Result! }
  type Subscription { changes: Changed! }
`)
const SMALL = smallSchema(introspectionFromSchema(SCHEMA))
const FIELDS = '__typename id status size { __typename width }'
const LIST = `query ($filter: String, $after: String) {
  things(filter: $filter, first: 2, after: $after) {
    __typename edges { __typename cursor node { ${FIELDS} } } pageInfo { __typename hasNextPage endCursor }
  }
}`
const CHANGE = `mutation ($key: String!) {
  change(key: $key) { __typename ... on Changed { thing { ${FIELDS} } } ... on Refused { code message } }
}`
const CHANGES = `subscription { changes { __typename thing { ${FIELDS} } } }`

const thing = (n: number, status = 'NEW') => ({ __typename: 'Thing', id: `${n}`, status, size: { width: n } })

/** A server of five things in the test's process, behind `fetch`. */
const answer: typeof fetch = async (_url, init) => {
  const { query, variables } = JSON.parse(String(init?.body))
  const result = await graphql({
    schema: SCHEMA,
    source: query,
    variableValues: variables,
    rootValue: {
      things({ after, first }: { readonly after?: string; readonly first: number }) {
        const start = Number(after ?? 0)
        const nodes = [1, 2, 3, 4, 5].slice(start, start + first).map(n => thing(n))
        const edges = nodes.map(node => ({ node, cursor: node.id }))
        return { edges, nodes, pageInfo: { hasNextPage: start + first < 5, endCursor: edges.at(-1)?.cursor } }
      },
      change({ key }: { readonly key: string }) {
        if (key === 'bad') throw new Error('no')
        return { __typename: 'Changed', thing: thing(1, 'CHANGED') }
      },
    },
  })
  return Response.json(result)
}

/** A live client whose changes the test sends. */
function manualLive() {
  const sinks = new Set<Sink<unknown>>()
  const requests: GraphqlRequest[] = []
  const live: Live = {
    subscribe(request, sink) {
      requests.push(request)
      const untyped = sink as Sink<unknown>
      sinks.add(untyped)
      return () => sinks.delete(untyped)
    },
    iterate: () => {
      throw new Error('the adapters do not iterate')
    },
    state: () => ({ status: 'idle' }),
    onState: () => () => {},
    wake() {},
    close() {},
  }
  const change = {
    data: {
      changes: {
        __typename: 'Changed',
        thing: { ...thing(2, 'LIVE'), size: { __typename: 'Size', width: 2 } },
      },
    },
  }
  return { live, requests, sinks, send: () => sinks.forEach(sink => void sink.next(change)) }
}

function memoryStore(): OutboxStore {
  const kept = new Map<string, Parameters<OutboxStore['add']>[0]>()
  return {
    add: async command => {
      kept.set(command.key, command)
      return command
    },
    list: async () => [...kept.values()],
    update: async command => void kept.set(command.key, command),
    remove: async key => void kept.delete(key),
  }
}

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Sends one command through an outbox, and resolves with what became of it. */
async function command(send: SendOperation, key: string) {
  const outbox = createOutbox({ owner: `adapters-${key}`, send, store: memoryStore(), maxFaults: 1 })
  closing.push(() => outbox.close())
  const { result } = await outbox.add({ query: CHANGE, key, variables: key => ({ key }) })
  return result
}

describe('Apollo Client', () => {
  function open() {
    const manual = manualLive()
    const client = new ApolloClient({
      cache: new InMemoryCache(cachePolicies(SMALL)),
      link: ApolloLink.split(
        ({ operationType }) => operationType === 'subscription',
        liveLink(manual.live),
        new HttpLink({ uri: 'http://127.0.0.1/graphql', fetch: answer }),
      ),
    })
    closing.push(() => client.stop())
    return { ...manual, client }
  }
  type List = {
    readonly things: {
      readonly edges: readonly { readonly node: { readonly id: string; readonly status: string } }[]
      readonly pageInfo: { readonly endCursor: string }
    }
  }

  test('joins the pages of a list, and shows changes in it: live ones, and those of commands', async () => {
    const { client, send } = open()
    const shown: (readonly string[])[] = []
    const list = client.watchQuery<List>({ query: gql(LIST) })
    const watching = list.subscribe(({ dataState, data }) => {
      if (dataState === 'complete')
        shown.push(data.things.edges.map(({ node }) => `${node.id} ${node.status}`))
    })
    await vi.waitFor(() => expect(shown.at(-1)).toHaveLength(2), WAIT)
    await list.fetchMore({ variables: { after: '2' } })
    const changes = client.subscribe({ query: gql(CHANGES) }).subscribe({})
    send()
    expect(await command(apolloSender(client), 'good')).toMatchObject({ kind: 'answered' })
    await vi.waitFor(() => expect(shown.at(-1)).toEqual(['1 CHANGED', '2 LIVE', '3 NEW', '4 NEW']), WAIT)
    watching.unsubscribe()
    changes.unsubscribe()
  })

  test('keeps lists of other filters apart, and knows the members of unions', () => {
    const { possibleTypes, typePolicies } = cachePolicies(SMALL)
    expect(possibleTypes).toEqual({ Node: ['Thing'], Result: ['Changed', 'Refused'] })
    expect(Object.keys(typePolicies.Query?.fields ?? {})).toEqual(['things'])
    expect(typePolicies.Query?.fields.things?.keyArgs).toEqual(['filter'])
  })

  test('hands the errors of a command to the outbox', async () => {
    const { client } = open()
    expect(await command(apolloSender(client), 'bad')).toMatchObject({
      kind: 'parked',
      errors: [{ message: 'no' }],
    })
  })

  test('unsubscribes from the live client', () => {
    const { client, sinks } = open()
    const changes = client.subscribe({ query: gql(CHANGES) }).subscribe({})
    expect(sinks.size).toBe(1)
    changes.unsubscribe()
    expect(sinks.size).toBe(0)
  })
})

describe('urql', () => {
  function open() {
    const manual = manualLive()
    const client = new Client({
      url: 'http://127.0.0.1/graphql',
      fetch: answer,
      preferGetMethod: false,
      exchanges: [
        cacheExchange(graphcacheOptions(SMALL, relayPagination)),
        fetchExchange,
        liveExchange(manual.live),
      ],
    })
    return { ...manual, client }
  }

  test('joins the pages of a list, and shows changes in it: live ones, and those of commands', async () => {
    const warned = vi.spyOn(console, 'warn').mockReturnValue()
    const { client, send, sinks } = open()
    const shown: (readonly string[])[] = []
    const watch = (variables: object) =>
      client.query(LIST, variables).subscribe(({ data }) => {
        if (data)
          shown.push(
            data.things.edges.map(
              ({ node }: { node: { id: string; status: string } }) => `${node.id} ${node.status}`,
            ),
          )
      })
    const first = watch({})
    await vi.waitFor(() => expect(shown.at(-1)).toHaveLength(2), WAIT)
    const second = watch({ after: '2' })
    await vi.waitFor(() => expect(shown.at(-1)).toHaveLength(4), WAIT)
    const changes = client.subscription(CHANGES, {}).subscribe(() => {})
    await vi.waitFor(() => expect(sinks.size).toBe(1), WAIT)
    send()
    expect(await command(urqlSender(client), 'good')).toMatchObject({ kind: 'answered' })
    await vi.waitFor(() => expect(shown.at(-1)).toEqual(['1 CHANGED', '2 LIVE', '3 NEW', '4 NEW']), WAIT)
    for (const { unsubscribe } of [first, second, changes]) unsubscribe()
    expect(warned.mock.calls).toEqual([])
    warned.mockRestore()
  })

  test('hands the errors of a command to the outbox', async () => {
    expect(await command(urqlSender(open().client), 'bad')).toMatchObject({
      kind: 'parked',
      errors: [{ message: 'no' }],
    })
  })
})
