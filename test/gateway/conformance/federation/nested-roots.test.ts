// Tests fields that return Query and Mutation below the root, and the subgraphs that they reach.
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

let log: string[] = []
beforeEach(() => {
  log = []
})

const graph = await federate({
  users: {
    sdl: `${FEDERATION_2}
      type Query { me: User all: [User] nobody: User }
      type Mutation { login: Login logins: [Login] }
      type Login { query: Query next: Mutation }
      type User { root: Query }`,
    resolvers: {
      Query: { me: () => ({ root: {} }), all: () => [{ root: {} }, { root: null }, { root: {} }] },
      Mutation: {
        login: () => ({ query: {}, next: {} }),
        logins: () => [
          { query: {}, next: {} },
          { query: {}, next: {} },
        ],
      },
    },
  },
  news: {
    sdl: `${FEDERATION_2}
      type Query { news(first: Int = 1): [String] must: Int! author: Author fails: Int }
      type Mutation { log: Int }
      type Author { name: String }`,
    resolvers: {
      Query: {
        news: (_: unknown, { first }: { first: number }) => ['n', 'o'].slice(0, first),
        must: () => 1,
        author: () => ({ name: 'A' }),
        fails: () => {
          throw new Error('it did not work')
        },
      },
      Mutation: { log: () => log.push('log') },
    },
  },
})
afterAll(() => graph[Symbol.asyncDispose]())

describe('Query and Mutation below the root', () => {
  test.each([
    ['{ me { root { news(first: 2) must } } }', { me: { root: { news: ['n', 'o'], must: 1 } } }],
    [
      '{ me { root { me { root { author { name } } } } } }',
      { me: { root: { me: { root: { author: { name: 'A' } } } } } },
    ],
    [
      '{ me { root { __typename news } } news }',
      { me: { root: { __typename: 'Query', news: ['n'] } }, news: ['n'] },
    ],
    ['{ nobody { root { news } } }', { nobody: null }],
    ['mutation { login { query { news } } }', { login: { query: { news: ['n'] } } }],
  ])('answer queries: %s', async (query, answer) => {
    const { data, errors } = await graph.ask(query)
    expect(errors).toBeUndefined()
    expect(data).toEqual(answer)
  })

  test('fetch queries once for all objects, and not at all when there is none', async () => {
    const { data, received } = await graph.ask('{ all { root { author { name } } } }')
    const root = { root: { author: { name: 'A' } } }
    expect(data).toEqual({ all: [root, { root: null }, root] })
    expect(received.map(({ service }) => service)).toEqual(['users', 'news'])
    const { received: none } = await graph.ask('{ nobody { root { news } } }')
    expect(none.map(({ service }) => service)).toEqual(['users'])
  })

  test('report errors at the path of each object', async () => {
    const { data, errors } = await graph.ask('{ all { root { fails } } }')
    expect(data).toEqual({ all: [{ root: { fails: null } }, { root: null }, { root: { fails: null } }] })
    expect(errors?.map(({ path }) => path)).toEqual([
      ['all', 0, 'root', 'fails'],
      ['all', 2, 'root', 'fails'],
    ])
  })

  test('run mutations once for each object', async () => {
    expect((await graph.ask('mutation { login { next { log } } }')).data).toEqual({
      login: { next: { log: 1 } },
    })
    const { data } = await graph.ask('mutation { logins { next { log } } }')
    expect(data).toEqual({ logins: [{ next: { log: 2 } }, { next: { log: 3 } }] })
  })
})
