import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { checkTypes, type PackedKit, packKit } from '#test/clients/kit/packed-kit.ts'
import { blocksOf, readPage } from '#test/docs/pages.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { ADDRESS, addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

const PAGE = readPage('docs/how-to/build-a-phone-front-end.md')

/** The functions of the page's modules that the test calls. */
type Row = { readonly id: string; readonly statusText: string }
type Waybill = {
  readonly live: { close(): void }
  readonly outbox: { close(): void; commands(): Promise<readonly { readonly key: string }[]> }
}
type Result = { readonly kind: string }
type App = {
  connect(options: object): Waybill
  openOrders(
    waybill: Waybill,
    storage: object,
    owner: string,
    shown: () => void,
  ): Promise<{ list(): Row[]; sync(): Promise<void>; follow(): () => void }>
  showOrder(waybill: Waybill, id: string, show: (order: { readonly status: string }) => void): () => void
  buy(waybill: Waybill, cart: object): Promise<{ readonly result: Promise<Result> }>
  cancel(waybill: Waybill, id: string): Promise<{ readonly result: Promise<Result> }>
  messageFor(result: Result): string
}

let kit: PackedKit
let app: App
let platform: TestPlatform
let shopper: Shopper

beforeAll(async () => {
  kit = await packKit()
  app = await writeApp()
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '100' })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 100 } })
  shopper = await registerShopper(platform)
})
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  await kit?.[Symbol.asyncDispose]()
})

/** Writes the page's files into an app that has the kit, checks their types, and loads them. */
async function writeApp(): Promise<App> {
  const files = blocksOf(PAGE).flatMap(({ marks, text }) => {
    const file = marks.find(mark => mark.startsWith('file='))?.slice('file='.length)
    return file ? [{ file, text }] : []
  })
  await mkdir(path.join(kit.app, 'src'), { recursive: true })
  for (const { file, text } of files) await writeFile(path.join(kit.app, file), text)
  expect(
    await checkTypes(
      kit,
      files.map(({ file }) => file),
    ),
  ).toEqual([])
  const modules = await Promise.all(files.map(({ file }) => import(path.join(kit.app, file))))
  return Object.assign({}, ...modules)
}

/** A phone's storage, which outlives the app. */
function phoneStorage() {
  const items = new Map<string, string>()
  return {
    getItem: async (key: string) => items.get(key) ?? null,
    setItem: async (key: string, value: string) => void items.set(key, value),
  }
}

test('an order that was made offline is placed once after the app came back, and its screen follows it', async () => {
  await using network = await createTcpProxy(platform.urls['bff-mobile'])
  const storage = phoneStorage()
  const results: Result[] = []
  const start = () =>
    app.connect({
      url: new URL('/graphql', network.url).href,
      owner: shopper.id,
      fetchToken: async () => shopper.token,
      storage,
      onResult: (_command: unknown, result: Result) => results.push(result),
    })
  const cart = {
    id: 'cart-1',
    lines: [{ sku: 'mug', quantity: 1 }],
    address: ADDRESS,
    cardToken: 'tok_approve',
  }

  const offline = start()
  await app.buy(offline, cart)
  await app.buy(offline, cart) // tapped twice
  expect((await offline.outbox.commands()).map(({ key }) => key)).toEqual(['cart-1'])
  offline.outbox.close()
  offline.live.close()

  await network.open()
  const waybill = start()
  await vi.waitFor(() => expect(results.map(({ kind }) => kind)).toEqual(['answered']), WAIT)
  expect(app.messageFor(results[0] ?? { kind: 'none' })).toMatch(/^Ordered/)
  const orders = await app.openOrders(waybill, storage, shopper.id, () => {})
  expect(orders.list()).toEqual([])
  await orders.sync()
  expect(orders.list()).toHaveLength(1)
  const [{ id } = { id: '' }] = orders.list()

  const stopList = orders.follow()
  const shown: string[] = []
  const stopScreen = app.showOrder(waybill, id, ({ status }) => shown.push(status))
  await network.close()
  await network.open()
  await vi.waitFor(() => expect(shown.at(-1)).toBe('COMPLETED'), WAIT)
  const last = orders.list()[0]?.statusText
  await orders.sync()
  expect(orders.list().map(({ statusText }) => statusText)).toEqual([last])
  stopScreen()
  stopList()

  // The copy is there at once when the app is started again.
  const again = await app.openOrders(waybill, storage, shopper.id, () => {})
  expect(again.list().map(order => order.id)).toEqual([id])
  waybill.outbox.close()
  waybill.live.close()
})

test('a refusal is told in words, and commands of one order are sent in order', async () => {
  const waybill = app.connect({
    url: `${platform.urls['bff-mobile']}/graphql`,
    owner: shopper.id,
    fetchToken: async () => shopper.token,
    storage: phoneStorage(),
    onResult: () => {},
  })
  const lines = [{ sku: 'nothing', quantity: 1 }]
  const refused = await app.buy(waybill, { id: 'cart-2', lines, address: ADDRESS, cardToken: 'tok_approve' })
  expect(app.messageFor(await refused.result)).toContain('nothing')
  const cancelled = await app.cancel(waybill, 'ord_01920000-0000-7000-8000-000000000000')
  expect(await cancelled.result).toMatchObject({
    data: { cancelOrder: { __typename: 'CannotCancel', code: 'ORDER_NOT_FOUND' } },
  })
  waybill.outbox.close()
  waybill.live.close()
})
