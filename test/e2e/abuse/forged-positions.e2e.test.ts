// Sends positions that do not exist in the consistency header: they must not delay anybody.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { addProduct, registerShopper } from '#testbed/shop-client.ts'

const FORGERIES = 300
const TOGETHER = 30

let platform: TestPlatform
let signedIn: string
beforeAll(async () => {
  platform = await startPlatform()
  await addProduct(platform, { sku: 'cap', price: '9.00', stock: { 'BER-1': 50 } })
  signedIn = (await registerShopper(platform)).token
})
afterAll(() => platform?.[Symbol.asyncDispose]())

type Headers = Readonly<Record<string, string>>
/** Page sizes differ, so that the cache serves few of them. */
const list = (index: number, token?: string, headers: Headers = {}) =>
  platform.send<unknown>(
    'bff-web',
    token,
    `{ products(first: ${(index % 100) + 1}) { nodes { sku } } }`,
    {},
    headers,
  )

const forge = (index: number, token: string | undefined) =>
  list(index, token, { 'waybill-consistency': `inventory=${99_999_999_990 + index}` })

/** Counts inventory's queries by how their waits for a position ended. */
async function waits(): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${platform.urls.inventory}/metrics`)).text()
  const lines = text.matchAll(/^waybill_position_waits_total\{service="inventory",outcome="(\w+)"\} (\d+)/gm)
  return Object.fromEntries([...lines].map(([, outcome, count]) => [outcome, Number(count)]))
}

const plain = (index: number) =>
  platform.send<unknown>('gateway', undefined, `{ products(skus: ["cap", "x${index}"]) { sku } }`)

test('forged positions are not waited for and delay nobody', async () => {
  const before = await waits()
  for (let from = 0; from < FORGERIES; from += TOGETHER) {
    const indices = Array.from({ length: TOGETHER }, (_, offset) => from + offset)
    const forged = indices.map(index => forge(index, index % 2 ? signedIn : undefined))
    const answers = await Promise.all([...forged, ...indices.map(plain)])
    expect(answers.flatMap(({ errors = [] }) => errors)).toEqual([])
  }
  const { unknown = 0, late = 0, crowded = 0 } = await waits()
  // Those that the BFF forwarded were told at once that the position does not exist.
  expect(unknown).toBeGreaterThan(0)
  expect(unknown).toBeLessThanOrEqual(FORGERIES / 2)
  expect([late, crowded]).toEqual([before.late ?? 0, before.crowded ?? 0])
})
