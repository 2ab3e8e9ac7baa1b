// Tests the list of all SKUs, for services that keep a copy of it.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { nobody, ops, service, support } from '#test/fixtures/subgraph.ts'
import { type Running, runInventory } from './inventory-fixture.ts'

let inventory: Running
beforeAll(async () => {
  inventory = await runInventory()
})
afterAll(() => inventory?.[Symbol.asyncDispose]())

const SKUS = 'query ($after: ID, $first: Int) { productSkus(after: $after, first: $first) }'
const ADD = 'mutation ($input: AddProductInput!) { addProduct(input: $input) { __typename } }'

async function add(sku: string): Promise<string | null> {
  const input = {
    idempotencyKey: randomUUID(),
    sku,
    title: 'Oak table',
    price: { amount: '199.99', currency: 'EUR' },
    weightGrams: 24_000,
    dimensions: { lengthCm: 180, widthCm: 90, heightCm: 75 },
  }
  return (await inventory.request(ops, ADD, { input })).consistency
}

it('SKUs are listed in ascending order, page by page', async () => {
  await add('b')
  await add('B')
  const consistency = await add('a.1')
  const skus = async (variables: object) =>
    (await inventory.request(service, SKUS, variables, consistency)).data?.productSkus
  expect(await skus({})).toEqual(['B', 'a.1', 'b'])
  expect(await skus({ first: 2 })).toEqual(['B', 'a.1'])
  expect(await skus({ first: 2, after: 'a.1' })).toEqual(['b'])
  expect(await skus({ after: 'b' })).toEqual([])
})

it('SKUs are listed for services only, 1 to 10,000 at a time', async () => {
  const codes = async (...asked: Parameters<Running['request']>) => (await inventory.request(...asked)).codes
  expect(await codes(support, SKUS)).toEqual(['FORBIDDEN'])
  expect(await codes(nobody, SKUS)).toEqual(['UNAUTHENTICATED'])
  for (const variables of [{ first: 0 }, { first: 10_001 }, { after: 'no sku' }])
    expect(await codes(service, SKUS, variables)).toEqual(['BAD_USER_INPUT'])
})
