// Tests nulls and errors: where they are reported, what they null, and what remains.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

const fail = (message: string) => () => {
  throw new Error(message)
}

const blog = await federate({
  posts: {
    sdl: `${FEDERATION_2}
      type Query { posts: [Post!] post: Post! maybe: Post lists: [[Post]!] broken: [Post!] }
      type Post @key(fields: "id") { id: ID! title: String! author: User! tags: [String!] views: Int }
      type User @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        posts: () => [post('1'), post('2'), post('3')],
        post: () => post('1'),
        maybe: () => post('2'),
        lists: () => [[post('1'), null], [post('2')]],
        broken: fail('no posts today'),
      },
      Post: { title: ({ id }: { id: string }) => (id === '2' ? null : `Post ${id}`) },
    },
  },
  users: {
    sdl: `${FEDERATION_2}
      type Query { me: User }
      type User @key(fields: "id") { id: ID! name: String! email: String age: Int! friends: [User] mood: Mood }
      enum Mood { GOOD BAD }`,
    resolvers: {
      Query: { me: () => ({ id: 'u1' }) },
      User: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        name: ({ id }: { id: string }) => `User ${id}`,
        email: fail('secret'),
        age: ({ id }: { id: string }) => (id === 'u1' ? 33 : null),
        friends: () => [{ id: 'u2' }, null],
      },
    },
  },
})
afterAll(() => blog[Symbol.asyncDispose]())

function post(id: string) {
  return { __typename: 'Post', id, author: { id: id === '3' ? 'u2' : 'u1' }, tags: ['a', 'b'] }
}

describe('an error of an entity', () => {
  test('is reported at every path of the entity', async () => {
    const { data, errors } = await blog.ask('{ posts { author { email } } post { author { id email } } }')
    expect(errors).toBeDefined()
    expect(data).toEqual({
      posts: [{ author: { email: null } }, { author: { email: null } }, { author: { email: null } }],
      post: { author: { id: 'u1', email: null } },
    })
    expect(errors?.map(({ path }) => path?.join('.')).sort()).toEqual([
      'post.author.email',
      'posts.0.author.email',
      'posts.1.author.email',
      'posts.2.author.email',
    ])
  })

  test("is reported under the client's aliases", async () => {
    const { errors } = await blog.ask('{ all: posts { by: author { id: email } } }')
    expect(errors?.[0]).toMatchObject({ message: 'secret', path: ['all', 0, 'by', 'id'] })
  })

  test('is reported a hundred times at most', async () => {
    const many = Array.from({ length: 500 }, () => ({
      __typename: 'Post',
      author: { __typename: 'User', id: 'u1' },
    }))
    const { data, errors } = await blog.ask('{ posts { author { email } } }', {}, ({ service }) =>
      service === 'posts' ? { data: { posts: many } } : undefined,
    )
    expect(data).toEqual({ posts: many.map(() => ({ author: { email: null } })) })
    expect(errors).toHaveLength(100)
  })
})

describe('a null in a non-null position', () => {
  test('nulls the list of non-null items', async () => {
    const { data, errors } = await blog.ask('{ posts { id title } me { name } }')
    expect(data).toEqual({ posts: null, me: { name: 'User u1' } })
    expect(errors).toMatchObject([{ path: ['posts', 1, 'title'] }])
  })

  test('nulls the nearest nullable object', async () => {
    const { data } = await blog.ask('{ maybe { title } me { name } }')
    expect(data).toEqual({ maybe: null, me: { name: 'User u1' } })
  })

  test('has the same effect when it comes from another subgraph', async () => {
    const { data, errors } = await blog.ask('{ posts { id author { age } } me { name } }')
    expect(data).toEqual({ posts: null, me: { name: 'User u1' } })
    expect(errors).toMatchObject([{ path: ['posts', 2, 'author', 'age'] }])
  })

  test('propagates up to the data itself', async () => {
    const { data } = await blog.ask('{ me { name } post { author { name } } }', {}, ({ query }) =>
      query.includes('_entities') ? { data: { _entities: [null] } } : undefined,
    )
    expect(data).toBeNull()
  })

  test('is ignored in fields that the client did not select', async () => {
    const { data, errors } = await blog.ask('{ maybe { id } }')
    expect(data).toEqual({ maybe: { id: '2' } })
    expect(errors).toBeUndefined()
  })

  test('nulls the inner list of a list of lists', async () => {
    const { data } = await blog.ask('{ lists { id title } }')
    expect(data).toEqual({ lists: [[{ id: '1', title: 'Post 1' }, null], [null]] })
  })
})

describe('when a subgraph fails', () => {
  test('in the middle of a plan, the rest of the data is returned', async () => {
    const { data, errors } = await blog.ask(
      '{ maybe { id author { id email } } me { name } }',
      {},
      ({ query }) =>
        query.includes('_entities') ? { errors: [{ message: 'down' }], data: null } : undefined,
    )
    expect(data).toEqual({ maybe: { id: '2', author: { id: 'u1', email: null } }, me: { name: 'User u1' } })
    expect(errors).toMatchObject([{ message: 'down' }])
  })

  test('at the root, dependent fetches are not made', async () => {
    const { data, received } = await blog.ask('{ broken { author { name } } }')
    expect(data).toEqual({ broken: null })
    expect(received.map(({ service }) => service)).toEqual(['posts'])
  })

  test.each([
    ['a list', []],
    ['a text', 'users'],
    ['a number', 7],
  ])('by returning %s for an object, the object is null with an error', async (_, maybe) => {
    const { data, errors } = await blog.ask('{ maybe { id } me { name } }', {}, ({ service }) =>
      service === 'posts' ? { data: { maybe } } : undefined,
    )
    expect(data).toEqual({ maybe: null, me: { name: 'User u1' } })
    expect(errors).toMatchObject([{ path: ['maybe'] }])
  })

  test('by returning surplus entities, no object gets the fields of another', async () => {
    const { data } = await blog.ask('{ posts { author { id name } } }', {}, ({ query }) =>
      query.includes('_entities')
        ? { data: { _entities: [{ name: 'A' }, { name: 'B' }, { name: 'C' }] } }
        : undefined,
    )
    expect(data).toEqual({
      posts: [
        { author: { id: 'u1', name: 'A' } },
        { author: { id: 'u1', name: 'A' } },
        { author: { id: 'u2', name: 'B' } },
      ],
    })
  })
})
