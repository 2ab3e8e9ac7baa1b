import { buildSchema, graphql } from 'graphql'
import { expect, test } from 'vitest'
import { failuresAt, NO_SECTIONS, selectedSections } from '#bff-web/resolvers/order-view.ts'

const away = { message: 'shipping is not available', extensions: { code: 'UNAVAILABLE' } }

test.each([
  [['order', 'shipments'], 'SHIPMENTS'],
  [['order', 'shipments', 0, 'tracking'], 'SHIPMENTS'],
  [['order', 'payments'], 'PAYMENTS'],
  [['order', 'reservation', 'allocations', 1, 'sku'], 'RESERVATION'],
  [['order', 'lines', 2, 'product', 'title'], 'PRODUCTS'],
] as const)('a failure at %j is one of its section', (path, section) => {
  const failures = failuresAt([{ ...away, path }], 'order')
  expect([...failures.keys()]).toEqual([section])
  expect(failures.get(section)).toMatchObject({ code: 'UNAVAILABLE' })
})

test('of several failures of a section the first one counts', () => {
  const errors = [
    { ...away, path: ['order', 'lines', 0, 'product'] },
    { message: 'too much', path: ['order', 'lines', 1, 'product'], extensions: { code: 'RATE_LIMITED' } },
  ]
  expect(failuresAt(errors, 'order').get('PRODUCTS')).toMatchObject({ code: 'UNAVAILABLE' })
})

test.each([
  ['in no section', ['order', 'timeline']],
  ['of a line itself', ['order', 'lines', 0, 'title']],
  ['of another field', ['orders', 'shipments']],
  ['without a path', undefined],
])('a failure %s fails the order', (_where, path) => {
  expect(() => failuresAt([{ ...away, ...(path && { path }) }], 'order')).toThrow(/not available/)
})

const schema = buildSchema(`
  type Query { orders: Orders }
  type Orders { nodes: [Order] edges: [Edge] }
  type Edge { node: Order }
  type Order { id: ID lines: [Line] timeline: [Int] payments: [Int] shipments: [Int] reservation: Int }
  type Line { sku: ID total: Int product: Product }
  type Product { sku: ID }
`)

test.each([
  ['nodes { id lines { sku } }', {}],
  ['nodes { timeline }', { details: true }],
  ['edges { node { lines { total } } }', { details: true }],
  ['nodes { lines { product { sku } } }', { products: true }],
  [
    'nodes { payments } edges { node { shipments reservation } }',
    { payments: true, shipments: true, reservation: true },
  ],
])('the sections of the selection %s are read with the list', async (selection, sections) => {
  const found: unknown[] = []
  const orders = (_args: unknown, _context: unknown, info: Parameters<typeof selectedSections>[0]) => {
    found.push(selectedSections(info, ['nodes'], ['edges', 'node']))
    return null
  }
  await graphql({ schema, source: `{ orders { ${selection} } }`, rootValue: { orders } })
  expect(found).toEqual([{ ...NO_SECTIONS, ...sections }])
})
