// Tests what a shop shows of products over HTTP: descriptions and pictures.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nobody, ops, service, support } from '#test/fixtures/subgraph.ts'
import { type Running, runInventory } from './inventory-fixture.ts'

let inventory: Running
beforeAll(async () => {
  inventory = await runInventory()
})
afterAll(() => inventory?.[Symbol.asyncDispose]())

const SHOWN = 'sku title category description images { url width height altText } addedAt'
const ADD = `mutation ($input: AddProductInput!) { addProduct(input: $input) {
  __typename ... on ProductChanged { product { ${SHOWN} } } } }`
const DESCRIBE = `mutation ($input: DescribeProductInput!) { describeProduct(input: $input) {
  __typename ... on ProductChanged { product { ${SHOWN} } } ... on NoSuchProduct { code sku } } }`
const GET = `query ($sku: ID!) { product(sku: $sku) { ${SHOWN} } }`

const mug = { url: '/images/mug.svg?v=1f2e', width: 800, height: 600, altText: 'A mug on a table' }
const handle = { url: 'https://img.example/handle.webp?v=2', width: 400, height: 400, altText: 'Its handle' }

function product(overrides: object = {}) {
  return {
    idempotencyKey: randomUUID(),
    sku: `SKU-${randomUUID().slice(0, 8)}`,
    title: 'Stoneware mug',
    price: { amount: '14.00', currency: 'EUR' },
    weightGrams: 380,
    dimensions: { lengthCm: 10, widthCm: 10, heightCm: 11 },
    ...overrides,
  }
}

async function add(overrides: object = {}) {
  const input = product(overrides)
  const { data, consistency, messages } = await inventory.request(ops, ADD, { input })
  expect(messages).toEqual([])
  return { sku: input.sku, added: Object(data?.addProduct), consistency }
}

const changed = (sku: string, changes: object) =>
  inventory.request(ops, DESCRIBE, { input: { idempotencyKey: randomUUID(), sku, ...changes } })

describe('a description', () => {
  it('comes with the product, and everybody reads it together with the pictures', async () => {
    const before = inventory.now().toISOString()
    const { sku, added, consistency } = await add({ description: 'Holds\n300 ml.', images: [mug, handle] })
    const expected = { description: 'Holds\n300 ml.', images: [mug, handle], category: null }
    expect(added.product).toMatchObject(expected)
    expect(added.product.addedAt >= before).toBe(true)
    for (const caller of [support, nobody, service]) {
      const { data } = await inventory.request(caller, GET, { sku }, consistency)
      expect(data?.product).toEqual({ ...added.product, ...expected })
    }
  })

  it('is null without pictures where nobody gave one', async () => {
    const { sku, consistency } = await add()
    const { data } = await inventory.request(support, GET, { sku }, consistency)
    expect(data?.product).toMatchObject({ description: null, images: [] })
  })

  it('shows services when a product of 0.2.0 was added, which its events do not say', async () => {
    const sku = `old-${randomUUID().slice(0, 8)}`
    const { idempotencyKey: _, ...facts } = product({ sku })
    const data = { ...facts, category: null, lowStockThreshold: 0, price: { minor: 1400, currency: 'EUR' } }
    const { position } = await inventory.store
      .append({ writes: [{ stream: `stock-${sku}`, expected: 0, events: [{ type: 'ProductAdded', data }] }] })
      .then(appended => ({ position: appended.status === 'conflict' ? 0 : appended.position }))
    const seen = await inventory.request(service, GET, { sku }, `inventory=${position}`)
    expect(seen.messages).toEqual([])
    const [recorded] = await inventory.store.readStream(`stock-${sku}`)
    expect(seen.data?.product).toMatchObject({ addedAt: recorded?.recordedAt, description: null, images: [] })
  })

  it('changes what is given: null removes, and what is left out stays', async () => {
    const { sku } = await add({ category: 'kitchen', description: 'Old.', images: [mug] })
    const one = await changed(sku, { title: 'Big mug', description: 'New.' })
    expect(one.data?.describeProduct).toMatchObject({
      product: { title: 'Big mug', category: 'kitchen', description: 'New.', images: [mug] },
    })
    const two = await changed(sku, { category: null, description: null, images: [] })
    const expected = { title: 'Big mug', category: null, description: null, images: [] }
    expect(two.data?.describeProduct).toMatchObject({ product: expected })
    const { data } = await inventory.request(support, GET, { sku }, two.consistency)
    expect(data?.product).toMatchObject(expected)
  })

  it('changes once however often the command is sent, and the repeat shows the product as it is by then', async () => {
    const { sku } = await add()
    const input = { idempotencyKey: randomUUID(), sku, description: 'First.' }
    await inventory.request(ops, DESCRIBE, { input })
    await changed(sku, { description: 'Second.' })
    const repeat = await inventory.request(ops, DESCRIBE, { input })
    expect(repeat.data?.describeProduct).toMatchObject({ product: { description: 'Second.' } })
    expect(repeat.codes).toEqual([])
  })

  it('moves the product to its new category, and a category without products is gone', async () => {
    const [from, to] = [`from ${randomUUID()}`, `to ${randomUUID()}`]
    const { sku } = await add({ category: from })
    const { consistency } = await changed(sku, { category: to })
    const { data } = await inventory.request(support, '{ categories }', {}, consistency)
    expect(data?.categories).toContain(to)
    expect(data?.categories).not.toContain(from)
    const query = 'query ($filter: ProductFilter) { searchProducts(filter: $filter) { nodes { sku } } }'
    const found = await inventory.request(support, query, { filter: { category: to } }, consistency)
    expect(found.data?.searchProducts).toEqual({ nodes: [{ sku }] })
  })

  it('is refused of a product that there is not, and by whom may not', async () => {
    const unknown = await changed('nope', { title: 'Chair' })
    expect(unknown.data?.describeProduct).toEqual({
      __typename: 'NoSuchProduct',
      code: 'PRODUCT_NOT_FOUND',
      sku: 'nope',
    })
    const input = { idempotencyKey: randomUUID(), sku: 'nope', title: 'Chair' }
    expect((await inventory.request(support, DESCRIBE, { input })).codes).toEqual(['FORBIDDEN'])
  })
})

describe('a family', () => {
  const FAMILY = `query ($sku: ID!) { product(sku: $sku) {
    family options { name value } variants { sku available options { value } } } }`
  const options = (size: string, colour = 'red') => [
    { name: 'size', value: size },
    { name: 'colour', value: colour },
  ]
  const shirt = (family: string, size: string, changes: object = {}) => ({
    ...{ family, options: options(size), stock: [{ warehouse: 'BER-1', quantity: 3 }] },
    ...changes,
  })
  const aFamily = () => `shirt-${randomUUID().slice(0, 8)}`

  it('shows all variants with their stock, in the order in which they joined, on each of them', async () => {
    const family = aFamily()
    const [s, m] = [await add(shirt(family, 'S')), await add(shirt(family, 'M', { stock: [] }))]
    const variants = [
      { sku: s.sku, available: 3, options: [{ value: 'S' }, { value: 'red' }] },
      { sku: m.sku, available: 0, options: [{ value: 'M' }, { value: 'red' }] },
    ]
    for (const [{ sku }, size] of [
      [s, 'S'],
      [m, 'M'],
    ] as const) {
      const { data } = await inventory.request(support, FAMILY, { sku }, m.consistency)
      expect(data?.product).toEqual({ family, options: options(size), variants })
    }
  })

  it('of a product without variants is none, and it is its only variant', async () => {
    const { sku, consistency } = await add()
    const { data } = await inventory.request(support, FAMILY, { sku }, consistency)
    expect(data?.product).toEqual({
      family: null,
      options: [],
      variants: [{ sku, available: 0, options: [] }],
    })
  })

  it('takes a product that was added without one', async () => {
    const family = aFamily()
    const founder = await add(shirt(family, 'S'))
    const { sku } = await add()
    const joined = await changed(sku, { family, options: options('M') })
    expect(joined.messages).toEqual([])
    const again = await changed(sku, { family, options: options('M') })
    expect(again.messages).toEqual([])
    const { data } = await inventory.request(support, FAMILY, { sku }, again.consistency)
    expect(data?.product).toMatchObject({ family, variants: [{ sku: founder.sku }, { sku }] })
    const moved = await changed(sku, { family: aFamily(), options: options('M') })
    expect(moved.messages).toEqual([`options: product ${sku} is in family ${family} already`])
  })

  it.each([
    ['the same values', options('s', 'Red'), /has the same values/],
    ['other options', [{ name: 'size', value: 'M' }], /differ by size, colour/],
  ])('refuses %s, and nothing of the product is recorded', async (_, given, message) => {
    const family = aFamily()
    await add(shirt(family, 'S'))
    const input = product(shirt(family, 'S', { options: given }))
    const refused = await inventory.request(ops, ADD, { input })
    expect(refused.codes).toEqual(['BAD_USER_INPUT'])
    expect(refused.messages[0]).toMatch(message)
    expect(await inventory.store.readStream(`stock-${input.sku}`)).toEqual([])
    const mended = await inventory.request(ops, ADD, { input: { ...input, options: options('L') } })
    expect(mended.data?.addProduct).toMatchObject({ __typename: 'ProductChanged' })
  })

  it('takes one of many that come at once with the same values, and all that differ', async () => {
    const family = aFamily()
    const inputs = ['S', 'S', 'M', 'S', 'L', 'M'].map(size => product(shirt(family, size)))
    const answers = await Promise.all(inputs.map(input => inventory.request(ops, ADD, { input })))
    const added = answers.flatMap(({ codes }, index) => (codes.length === 0 ? [inputs[index]?.sku] : []))
    expect(added).toHaveLength(3)
    const events = await inventory.store.readStream(`family-${family}`)
    expect(events.map(({ data }) => data.sku).sort()).toEqual(added.sort())
    const [sku] = added
    const { consistency } = await add() // past the position of every member
    const { data } = await inventory.request(support, FAMILY, { sku }, consistency)
    expect(Object(data?.product).variants).toHaveLength(3)
  })

  it('repeats what it answered first, though the product is a member by now', async () => {
    const input = product(shirt(aFamily(), 'S'))
    const first = await inventory.request(ops, ADD, { input })
    const second = await inventory.request(ops, ADD, { input })
    expect(second.data).toEqual(first.data)
    const other = await inventory.request(ops, ADD, { input: { ...input, idempotencyKey: randomUUID() } })
    expect(other.data?.addProduct).toMatchObject({ __typename: 'ProductExists' })
  })
})

describe('a list', () => {
  const LIST = `query ($filter: ProductFilter, $sort: ProductSort, $first: Int, $after: String, $last: Int, $before: String) {
    searchProducts(filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {
      nodes { sku } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount totalCountCapped
      facets { categories { value count } availability { availability count } options { name values { value count } }
        prices { currency min max } capped } } }`
  const colour = (value: string) => [{ name: 'colour', value }]

  it('shows a family once, by the variant that fits, sorted as asked, with facets', async () => {
    const [category, family] = [`cups ${randomUUID()}`, `cup-${randomUUID().slice(0, 8)}`]
    const stock = [{ warehouse: 'BER-1', quantity: 1 }]
    const price = (amount: string) => ({ price: { amount, currency: 'EUR' } })
    const white = await add({ category, family, options: colour('white'), ...price('9.00') })
    const black = await add({ category, family, options: colour('black'), stock, ...price('12.50') })
    const plain = await add({ category, stock, ...price('11.00') })
    const list = async (variables: object) => {
      const { data, messages } = await inventory.request(support, LIST, variables, plain.consistency)
      expect(messages).toEqual([])
      return data?.searchProducts
    }
    const skus = (...products: { sku: string }[]) => ({ nodes: products.map(({ sku }) => ({ sku })) })
    const cheapest = { field: 'PRICE', direction: 'ASC' }
    const newest = { field: 'ADDED_AT', direction: 'DESC' }
    expect(await list({ filter: { category }, sort: cheapest })).toMatchObject({
      ...skus(white, plain),
      totalCount: 2,
      totalCountCapped: false,
      facets: {
        categories: expect.arrayContaining([{ value: category, count: 2 }]),
        availability: [
          { availability: 'IN_STOCK', count: 2 },
          { availability: 'LOW_STOCK', count: 0 },
          { availability: 'OUT_OF_STOCK', count: 1 },
        ],
        options: [
          {
            name: 'colour',
            values: [
              { value: 'black', count: 1 },
              { value: 'white', count: 1 },
            ],
          },
        ],
        prices: [{ currency: 'EUR', min: '9.00', max: '12.50' }],
        capped: false,
      },
    })
    expect(await list({ filter: { category, inStock: true }, sort: newest })).toMatchObject(
      skus(plain, black),
    )
    expect(await list({ filter: { category, eachVariant: true }, sort: newest })).toMatchObject(
      skus(plain, black, white),
    )
    const none = { first: null, after: null, sort: null }
    const page = await list({ filter: { category }, ...none, last: 1, before: null })
    expect(page).toMatchObject({ pageInfo: { hasNextPage: false, hasPreviousPage: true } })
    expect(await list({ filter: { category, options: colour('BLACK') } })).toMatchObject(skus(black))
  })

  it.each([
    ['first and last together', { first: 1, last: 1 }, /^last: should be left out/],
    ['a negative size', { first: -1 }, /^first: should be/],
    ['a huge size', { last: 101 }, /^last: should be/],
    ['a cursor of nobody', { after: 'x' }, /cursor cannot be used/],
    [
      'an option without a name',
      { filter: { options: [{ name: '', value: 'M' }] } },
      /^filter.options\[0\].name/,
    ],
    [
      'too many options',
      { filter: { options: Array.from({ length: 21 }, () => ({ name: 'size', value: 'M' })) } },
      /^filter.options: should be 0 to 20/,
    ],
    [
      'two currencies',
      {
        filter: { minPrice: { amount: '1', currency: 'EUR' }, maxPrice: { amount: '2', currency: 'USD' } },
      },
      /^filter.maxPrice.currency: should be EUR/,
    ],
    [
      'a negative price',
      { filter: { minPrice: { amount: '-1', currency: 'EUR' } } },
      /^filter.minPrice.amount/,
    ],
    ['a sort by what is not sortable', { sort: { field: 'SKU', direction: 'ASC' } }, /SKU/],
  ])('refuses %s', async (_, variables, message) => {
    const { codes, messages } = await inventory.request(support, LIST, variables)
    expect(codes).toEqual(['BAD_USER_INPUT'])
    expect(messages[0]).toMatch(message)
  })
})

describe('bad input', () => {
  const image = (changes: object) => ({ images: [{ ...mug, ...changes }] })
  it.each([
    ['a description that is too long', { description: 'x'.repeat(5001) }, 'description'],
    ['a script as a URL', image({ url: 'javascript:alert(1)' }), 'images[0].url'],
    ['data as a URL', image({ url: 'data:image/svg+xml,<svg/>' }), 'images[0].url'],
    ['a path of another folder', image({ url: '/graphql' }), 'images[0].url'],
    ['a path that climbs', image({ url: '/images/../secret.svg' }), 'images[0].url'],
    ['another host without a scheme', image({ url: '//img.example/a.svg' }), 'images[0].url'],
    ['a URL with a password', image({ url: 'https://me:secret@img.example/a.svg' }), 'images[0].url'],
    ['a URL without a host', image({ url: 'http:a.svg' }), 'images[0].url'],
    ['a URL with backslashes', image({ url: 'https:\\\\img.example\\a.svg' }), 'images[0].url'],
    ['a URL with a blank', image({ url: 'https://img.example/a b.svg' }), 'images[0].url'],
    ['a URL that is too long', image({ url: `https://img.example/${'a'.repeat(2000)}` }), 'images[0].url'],
    ['no width', image({ width: 0 }), 'images[0].width'],
    ['a height beyond every screen', image({ height: 10_001 }), 'images[0].height'],
    ['no words for who cannot see', image({ altText: ' ' }), 'images[0].altText'],
    ['too many pictures', { images: Array.from({ length: 21 }, () => mug) }, 'images'],
    ['nothing to change', {}, 'input'],
    ['options without a family', { options: [{ name: 'size', value: 'M' }] }, 'family'],
    ['a family without options', { family: 'shirt' }, 'options'],
    ['a family with a blank', { family: 'my shirt', options: [{ name: 'size', value: 'M' }] }, 'family'],
    [
      'an option twice',
      { family: 'shirt', options: ['size', 'Size '].map(name => ({ name, value: 'M' })) },
      'options[1].name',
    ],
    [
      'an option without a value',
      { family: 'shirt', options: [{ name: 'size', value: ' ' }] },
      'options[0].value',
    ],
    [
      'too many options',
      { family: 'shirt', options: [...'abcdef'].map(name => ({ name, value: 'M' })) },
      'options',
    ],
  ])('%s is refused by its field', async (_, changes, field) => {
    const { codes, messages } = await changed('any', changes)
    expect(codes).toEqual(['BAD_USER_INPUT'])
    expect(messages[0]).toMatch(new RegExp(`^${field.replace(/[[\].]/g, '\\$&')}: should be`))
  })
})
