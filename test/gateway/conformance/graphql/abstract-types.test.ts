// Tests interfaces and unions over several subgraphs: type conditions, __typename, interface objects.
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

type Ref = { readonly id: string }

const media = await federate({
  catalogue: {
    sdl: `${FEDERATION_2}
      type Query { media: [Media!]! item(id: ID!): Media hits: [Hit] pick: Pick film: Film }
      interface Media @key(fields: "id") { id: ID! title: String }
      type Film implements Media @key(fields: "id") { id: ID! title: String minutes: Int director: Person }
      type Book implements Media @key(fields: "id") { id: ID! title: String pages: Int writer: Person }
      type Person @key(fields: "id") { id: ID! name: String }
      union Hit = Film | Book | Person
      union Pick = Film | Book`,
    resolvers: {
      Query: {
        media: () => [item('f1'), item('b1')],
        item: (_: unknown, { id }: Ref) => item(id),
        hits: () => [item('b1'), { __typename: 'Person', id: 'p1', name: 'Eva' }, null, item('f1')],
        pick: () => item('f1'),
        film: () => item('f1'),
      },
      Media: { __resolveReference: ({ id }: Ref) => item(id) },
      Film: { __resolveReference: ({ id }: Ref) => item(id) },
      Book: { __resolveReference: ({ id }: Ref) => item(id) },
    },
  },
  ratings: {
    sdl: `${FEDERATION_2}
      type Query { best: Media top: [Media!] }
      type Media @interfaceObject @key(fields: "id") {
        id: ID! stars: Int title: String @external blurb: String @requires(fields: "title") reviews: [Review!]
      }
      type Review { text: String of: Media! }`,
    resolvers: {
      Query: { best: () => ({ id: 'b1' }), top: () => [{ id: 'f1' }, { id: 'b1' }, { id: 'x9' }] },
      Media: {
        __resolveReference: (reference: object) => reference,
        stars: ({ id }: Ref) => id.length + Number(id[1]),
        blurb: ({ title }: { title: string | null }) => `<${title}>`,
        reviews: ({ id }: Ref) => [{ text: 'Fine.', of: { id } }],
      },
    },
  },
  shelves: {
    sdl: `${FEDERATION_2}
      type Query { shelf: Shelf pick2: Pick }
      type Shelf { things: [Thing!]! }
      interface Thing { place: Int }
      type Book implements Thing @key(fields: "id") { id: ID! place: Int }
      type Film implements Thing @key(fields: "id") { id: ID! place: Int }
      type Lamp implements Thing { place: Int watts: Int }
      union Pick = Book`,
    resolvers: {
      Query: {
        shelf: () => ({
          things: [
            { __typename: 'Book', id: 'b1' },
            { __typename: 'Lamp', place: 7, watts: 40 },
            { __typename: 'Film', id: 'f1' },
          ],
        }),
        pick2: () => ({ __typename: 'Book', id: 'b1' }),
      },
      Book: { place: () => 1 },
      Film: { place: () => 2 },
    },
  },
})
afterAll(() => media[Symbol.asyncDispose]())

function item(id: string) {
  if (id === 'f1')
    return {
      __typename: 'Film',
      id,
      title: 'Metropolis',
      minutes: 153,
      director: { __typename: 'Person', id: 'p2', name: 'Fritz' },
    }
  if (id === 'b1')
    return {
      __typename: 'Book',
      id,
      title: 'Emma',
      pages: 474,
      writer: { __typename: 'Person', id: 'p3', name: 'Jane' },
    }
  return null
}

const answers = (query: string, data: unknown) =>
  test(query, async () => {
    const answered = await media.ask(query)
    expect(answered.data).toEqual(data)
    expect(answered.errors).toBeUndefined()
  })

describe('fields of an interface', () => {
  answers('{ media { id } }', { media: [{ id: 'f1' }, { id: 'b1' }] })
  answers('{ media { t: __typename } }', { media: [{ t: 'Film' }, { t: 'Book' }] })
  answers('{ media { title ... on Film { minutes } } }', {
    media: [{ title: 'Metropolis', minutes: 153 }, { title: 'Emma' }],
  })
  answers('{ media { ... on Film { x: minutes } ... on Book { x: pages } } }', {
    media: [{ x: 153 }, { x: 474 }],
  })
  answers('{ media { ... on Book { ... on Media { ... on Film { title } } } } }', { media: [{}, {}] })
  answers('{ item(id: "none") { id title } }', { item: null })
  answers('{ shelf { things { place ... on Lamp { watts } ... on Book { title } } } }', {
    shelf: { things: [{ place: 1, title: 'Emma' }, { place: 7, watts: 40 }, { place: 2 }] },
  })
  answers('{ shelf { things { ... on Media { title stars } } } }', {
    shelf: { things: [{ title: 'Emma', stars: 3 }, {}, { title: 'Metropolis', stars: 3 }] },
  })
})

describe('members of a union', () => {
  answers('{ hits { __typename ... on Person { name } ... on Media { title } } }', {
    hits: [
      { __typename: 'Book', title: 'Emma' },
      { __typename: 'Person', name: 'Eva' },
      null,
      { __typename: 'Film', title: 'Metropolis' },
    ],
  })
  answers('{ hits { ... on Book { place stars } } }', { hits: [{ place: 1, stars: 3 }, {}, null, {}] })
  answers('{ pick { ... on Book { pages } } pick2 { ... on Film { minutes } } }', { pick: {}, pick2: {} })
  answers('{ pick2 { __typename ... on Book { pages place } } }', {
    pick2: { __typename: 'Book', pages: 474, place: 1 },
  })
})

describe('an object that stands for an interface', () => {
  answers('{ best { id stars } }', { best: { id: 'b1', stars: 3 } })
  answers('{ best { __typename stars } }', { best: { __typename: 'Book', stars: 3 } })
  answers('{ best { title blurb } }', { best: { title: 'Emma', blurb: '<Emma>' } })
  answers('{ best { ... on Book { pages } ... on Film { minutes } stars } }', {
    best: { pages: 474, stars: 3 },
  })
  answers('{ media { id stars blurb } }', {
    media: [
      { id: 'f1', stars: 3, blurb: '<Metropolis>' },
      { id: 'b1', stars: 3, blurb: '<Emma>' },
    ],
  })
  answers('{ film { stars reviews { text of { __typename title } } } }', {
    film: { stars: 3, reviews: [{ text: 'Fine.', of: { __typename: 'Film', title: 'Metropolis' } }] },
  })
  answers('{ best { ... on Film { stars } ... on Book { stars } } }', { best: { stars: 3 } })
  answers('{ top { ... on Book { pages a: id stars } ... on Film { id minutes } } }', {
    top: [{ id: 'f1', minutes: 153 }, { pages: 474, a: 'b1', stars: 3 }, {}],
  })
  answers('{ top { ... on Book { id } } }', { top: [{}, { id: 'b1' }, {}] })

  test('is null with an error when its unknown type is selected', async () => {
    expect((await media.ask('{ top { id stars } }')).data).toMatchObject({
      top: [{ id: 'f1' }, { id: 'b1' }, { id: 'x9', stars: 11 }],
    })
    const { data, errors } = await media.ask('{ top { id __typename } }')
    expect(data).toEqual({ top: null })
    expect(errors?.map(({ path }) => path)).toEqual([['top', 2, '__typename']])
  })
})

describe('an interface that only one type implements', () => {
  const sole = federate({
    shop: {
      sdl: `${FEDERATION_2}
        type Query { bread: Product }
        interface Product @key(fields: "id") { id: ID! }
        type Bread implements Product @key(fields: "id") { id: ID! grams: Int }`,
      resolvers: {
        Query: { bread: () => ({ __typename: 'Bread', id: 'p1', grams: 500 }) },
        Product: {
          __resolveReference: ({ id }: { id: string }) => ({ __typename: 'Bread', id, grams: 500 }),
        },
        Bread: { __resolveReference: ({ id }: { id: string }) => ({ id, grams: 500 }) },
      },
    },
    offers: {
      sdl: `${FEDERATION_2}
        type Query { offer: Product! }
        type Product @key(fields: "id", resolvable: false) @interfaceObject { id: ID! }`,
      resolvers: { Query: { offer: () => ({ id: 'p1' }) } },
    },
  })
  afterAll(async () => (await sole)[Symbol.asyncDispose]())

  test.each([
    ['{ bread { ... on Bread { id } } }', { bread: { id: 'p1' } }],
    ['{ bread { ... on Bread { id grams } } }', { bread: { id: 'p1', grams: 500 } }],
    ['{ offer { ... on Bread { id } } }', { offer: { id: 'p1' } }],
    ['{ offer { ... on Bread { grams } } }', { offer: { grams: 500 } }],
    ['{ offer { __typename id } }', { offer: { __typename: 'Bread', id: 'p1' } }],
  ])('returns the fields that are selected on that type: %s', async (query, data) => {
    const answered = await (await sole).ask(query)
    expect(answered.errors).toBeUndefined()
    expect(answered.data).toEqual(data)
  })
})

test('a field of an object that no subgraph can resolve is refused and not left out', async () => {
  await using lost = await federate({
    nodes: {
      sdl: `${FEDERATION_2}
        type Query { node: Node }
        interface Node @key(fields: "id") { id: ID! }`,
    },
    marks: {
      sdl: `${FEDERATION_2}
        type Query { marked: Node }
        type Node @key(fields: "id", resolvable: false) @interfaceObject { id: ID! mark: String }`,
      resolvers: { Query: { marked: () => ({ id: '1', mark: 'x' }) } },
    },
  })
  expect((await lost.ask('{ marked { id mark } }')).data).toEqual({ marked: { id: '1', mark: 'x' } })
  for (const query of ['{ node { mark } }', '{ node { mark } marked { id } }']) {
    const { data, errors } = await lost.ask(query)
    expect(data).toBeUndefined()
    expect(errors).toHaveLength(1)
  }
  const condition = 'query ($with: Boolean = false) { node @include(if: $with) { mark } marked { id } }'
  expect(await lost.ask(condition)).toMatchObject({ data: { marked: { id: '1' } } })
  const { errors } = await lost.ask(condition, { with: true })
  expect(errors?.[0]?.message).toBe('The operation cannot be planned.')
})
