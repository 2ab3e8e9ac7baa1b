// Tests response names that stand for different fields of different types, and those that the gateway uses itself.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const feed = await federate({
  feed: {
    sdl: `${FEDERATION_2}
      type Query { feed: [Entry] film: Film }
      interface Entry { id: ID! cover: Picture }
      type Film implements Entry { id: ID! cover: Picture title(case: String): String }
      type Post implements Entry { id: ID! cover: Picture title(case: String): String }
      type Picture @key(fields: "id") { id: ID! legacy: String }`,
    resolvers: {
      Query: {
        feed: () => [
          { __typename: 'Film', id: 'f', cover: { id: '1', legacy: 'L1' } },
          { __typename: 'Post', id: 'p', cover: { id: '2', legacy: 'L2' } },
        ],
        film: () => ({ id: 'f', cover: { id: '1', legacy: 'L1' } }),
      },
      Film: { title: (_: unknown, { case: to = 'none' }) => `film ${to}` },
      Post: {
        title: (_: unknown, { case: to = 'none' }) => {
          if (to === 'bad') throw new Error('no such case')
          return `post ${to}`
        },
      },
    },
  },
  pictures: {
    sdl: `${FEDERATION_2}
      type Picture @key(fields: "id") { id: ID! url(size: String): String title: String }`,
    resolvers: {
      Picture: {
        url: ({ id }: Ref, { size = '' }) => {
          if (size === 'bad') throw new Error('no such size')
          return `${id}-${size}`
        },
        title: ({ id }: Ref) => `T${id}`,
      },
    },
  },
})
afterAll(() => feed[Symbol.asyncDispose]())

const L = `cover { url(size: "L") }`

describe('one response name on several types', () => {
  test.each([
    [
      'with other arguments',
      `{ feed { ... on Film { ${L} } ... on Post { cover { url(size: "S") } } } }`,
      [{ cover: { url: '1-L' } }, { cover: { url: '2-S' } }],
    ],
    [
      'for different fields',
      '{ feed { ... on Film { cover { x: url(size: "L") } } ... on Post { cover { x: title } } } }',
      [{ cover: { x: '1-L' } }, { cover: { x: 'T2' } }],
    ],
    [
      'on objects that are not entities',
      '{ feed { ... on Film { title(case: "up") } ... on Post { title } } }',
      [{ title: 'film up' }, { title: 'post none' }],
    ],
    [
      'in named fragments, next to common fields',
      `{ feed { id ...F ...P } } fragment F on Film { cover { url title } }
       fragment P on Post { cover { url(size: "S") } }`,
      [
        { id: 'f', cover: { url: '1-', title: 'T1' } },
        { id: 'p', cover: { url: '2-S' } },
      ],
    ],
  ])('has the value that is selected on each type: %s', async (_, query, answer) => {
    const { data, errors } = await feed.ask(query)
    expect(errors).toBeUndefined()
    expect(data).toEqual({ feed: answer })
  })

  test.each([
    ['L', 'S'],
    ['S', undefined],
  ])('uses the variable of each type (%s and %s)', async (a, b) => {
    const query = `query ($a: String = "d", $b: String = "e") {
      feed { ... on Film { cover { url(size: $a) } } ... on Post { cover { url(size: $b) } } }
    }`
    const { data } = await feed.ask(query, { a, ...(b && { b }) })
    expect(data).toEqual({ feed: [{ cover: { url: `1-${a}` } }, { cover: { url: `2-${b ?? 'e'}` } }] })
  })

  test("has its errors at the object that failed, under the client's alias", async () => {
    const { data, errors } = await feed.ask(
      '{ feed { ... on Film { cover { url(size: "L") } } ... on Post { cover { url(size: "bad") } } } }',
    )
    expect(data).toEqual({ feed: [{ cover: { url: '1-L' } }, { cover: { url: null } }] })
    expect(errors).toEqual([
      expect.objectContaining({ message: 'no such size', path: ['feed', 1, 'cover', 'url'] }),
    ])
  })

  test('has the value that is selected at each of two places of one type', async () => {
    const query = `{ film { cover { url(size: "L") } } feed { ... on Film { cover { url } } } }`
    expect((await feed.ask(query)).data).toEqual({
      film: { cover: { url: '1-L' } },
      feed: [{ cover: { url: '1-' } }, {}],
    })
  })
})

describe('a client may use', () => {
  test.each([
    ['{ film { cover { _asked_id: legacy id: url } } }', { _asked_id: 'L1', id: '1-' }],
    ['{ film { cover { _asked_id: id id: legacy } } }', { _asked_id: '1', id: 'L1' }],
    [
      '{ film { cover { _asked_id: title _asked_id_2: id id: title url } } }',
      {
        _asked_id: 'T1',
        _asked_id_2: '1',
        id: 'T1',
        url: '1-',
      },
    ],
    ['{ film { cover { __typename: legacy title } } }', { __typename: 'L1', title: 'T1' }],
    [
      '{ film { cover { _entities: title _e0: legacy x__alias_0: url _internal_qp_alias_0: id } } }',
      {
        _entities: 'T1',
        _e0: 'L1',
        x__alias_0: '1-',
        _internal_qp_alias_0: '1',
      },
    ],
  ])("the gateway's own names as aliases: %s", async (query, cover) => {
    const { data, errors } = await feed.ask(query)
    expect(errors).toBeUndefined()
    expect(data).toEqual({ film: { cover } })
  })

  test("the gateway's own names at the root", async () => {
    const { data } = await feed.ask(
      '{ _entities: film { id } id: film { cover { title } } __schema: film { id } }',
    )
    expect(data).toEqual({ _entities: { id: 'f' }, id: { cover: { title: 'T1' } }, __schema: { id: 'f' } })
  })

  test.each(['representations', '__batch_reps_0', 'asked_representations', 'contextualArgument_1_0'])(
    'a variable called $%s',
    async name => {
      const query = `query ($${name}: String, $if: Boolean = true) {
        film { cover { url(size: $${name}) } } feed { cover { url(size: $${name}) @include(if: $if) } }
      }`
      const { data, errors } = await feed.ask(query, { [name]: '!' })
      expect(errors).toBeUndefined()
      expect(data).toEqual({
        film: { cover: { url: '1-!' } },
        feed: [{ cover: { url: '1-!' } }, { cover: { url: '2-!' } }],
      })
    },
  )

  test('such a name for a variable that decides a condition', async () => {
    const query = `query ($representations: Boolean!) { film { id cover @include(if: $representations) { title } } }`
    expect((await feed.ask(query, { representations: true })).data).toEqual({
      film: { id: 'f', cover: { title: 'T1' } },
    })
    expect((await feed.ask(query, { representations: false })).data).toEqual({ film: { id: 'f' } })
  })
})
