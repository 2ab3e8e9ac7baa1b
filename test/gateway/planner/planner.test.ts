import { afterAll, describe, expect, test } from 'vitest'
import { startPlanner } from '#gateway/planner/planner.ts'
import { composed, FEDERATION_2 } from '#test/gateway/conformance/federation.ts'

/** What `hint` needs is two subgraphs away, and the first does not know one of the keys on the way: the planner breaks on it. */
const BREAKS = '{ warehouses { items { hint } } }'

const planner = await startPlanner(
  composed({
    products: {
      sdl: `${FEDERATION_2}
        type Query { products: [Product!] }
        type Product @key(fields: "sku") @key(fields: "maker { id } slot") { sku: ID! slot: ID! weight: Int maker: Maker }
        type Maker @key(fields: "id") { id: ID! name: String }`,
    },
    stock: {
      sdl: `${FEDERATION_2}
        type Query { warehouses: [Warehouse!]! }
        type Warehouse @key(fields: "id") { id: ID! items: [Product] }
        type Product @key(fields: "sku") {
          sku: ID! weight: Int @external delivery: String @requires(fields: "weight")
        }`,
    },
    reviews: {
      sdl: `${FEDERATION_2}
        type Product @key(fields: "sku") @key(fields: "maker { id } slot") {
          sku: ID! slot: ID! maker: Maker delivery: String @external hint: String @requires(fields: "delivery")
        }
        type Maker @key(fields: "id", resolvable: false) { id: ID! }`,
    },
  }),
)
afterAll(() => planner[Symbol.asyncDispose]())

describe('an operation that the planner breaks on', () => {
  test('cannot be planned; others are, those that waited behind it included', async () => {
    const [broken, ...others] = await Promise.allSettled([
      planner.plan(BREAKS, undefined),
      planner.plan('{ warehouses { id } }', undefined),
      planner.plan('{ products { weight } }', undefined),
    ])
    expect(broken.status === 'rejected' && String(broken.reason)).toContain(
      'the planner breaks on the operation',
    )
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    await expect(planner.plan('{ products { sku } }', undefined)).resolves.toMatchObject({ kind: 'Fetch' })
  })

  test('can come again and again, and is soon not tried any more', async () => {
    for (let turn = 0; turn < 20; turn++)
      await expect(planner.plan(BREAKS, undefined)).rejects.toThrow('the planner breaks on the operation')
    await expect(planner.plan('{ products { sku } }', undefined)).resolves.toBeDefined()
  })
})

test('an operation for which there is no plan is refused with the reason', async () => {
  await expect(planner.plan('{ nothing }', undefined)).rejects.toThrow('The operation cannot be planned.')
})

test('a supergraph that the planner cannot read is refused with the reason', async () => {
  await expect(startPlanner('type Query { a: Int')).rejects.toThrow(/parse/i)
})

test('nobody waits for a planner that was closed', async () => {
  const closing = await startPlanner(composed({ one: { sdl: `${FEDERATION_2} type Query { a: Int }` } }))
  const asked = closing.plan('{ a }', undefined)
  await closing[Symbol.asyncDispose]()
  await expect(asked).rejects.toThrow('the planner is closed')
  await expect(closing.plan('{ a }', undefined)).rejects.toThrow('the planner is closed')
})
