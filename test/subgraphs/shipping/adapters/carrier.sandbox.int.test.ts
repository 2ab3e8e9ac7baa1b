// Tests the sandbox carrier on real PostgreSQL: the carrier contract, and the notices that it sends over HTTP.
import { text } from 'node:stream/consumers'
import pg from 'pg'
import pino from 'pino'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { verifyWebhook } from '#platform/webhooks/signature.ts'
import type { SandboxCarrier } from '#subgraphs/shipping/adapters/carrier.sandbox.ts'
import { type CarrierNotice, deliverySchema, noticeSchema } from '#subgraphs/shipping/adapters/carrier.ts'
import { openParcels } from '#subgraphs/shipping/adapters/sandbox-parcels.postgres.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { aBooking, CARRIER_SECRET, describeCarrier, openSandbox } from './carrier.contract.ts'

let databaseUrl: string
let undo = new AsyncDisposableStack()

beforeAll(async () => {
  databaseUrl = await freshDatabase()
})
afterEach(async () => {
  await undo.disposeAsync()
  undo = new AsyncDisposableStack()
})

describeCarrier('of the sandbox', () => openSandbox(databaseUrl))

type Reply = { readonly status: number; readonly body?: unknown }
type Shop = {
  readonly url: string
  readonly calls: CarrierNotice[][]
  /** Resolves once `done` is true of all notices taken so far. */
  until(done: (notices: readonly CarrierNotice[]) => boolean): Promise<readonly CarrierNotice[]>
}

/** A shop that listens for notices; `reply` says what the nth call is answered. Only notices answered 2xx are taken. */
async function openShop(
  reply: (call: number, notices: readonly CarrierNotice[]) => Reply | Promise<Reply> = () => ({
    status: 204,
  }),
): Promise<Shop> {
  const calls: CarrierNotice[][] = []
  const taken: CarrierNotice[] = []
  const watchers = new Set<() => void>()
  const server = await serveHttp(async (request, response) => {
    const body = await text(request)
    verifyWebhook(CARRIER_SECRET, { headers: request.headers, rawBody: body }, new Date())
    const events = deliverySchema.parse(JSON.parse(body)).events.map(event => noticeSchema.parse(event))
    const answer = await reply(calls.push(events), events)
    if (answer.status < 300) taken.push(...events)
    response.writeHead(answer.status).end(answer.body ? JSON.stringify(answer.body) : undefined)
    for (const watcher of watchers) watcher()
  })
  undo.use(server)
  return {
    url: `${server.url}/webhooks/carrier`,
    calls,
    until: done =>
      new Promise(resolve => {
        const watcher = () => {
          if (!done(taken)) return
          watchers.delete(watcher)
          resolve(taken)
        }
        watchers.add(watcher)
        watcher()
      }),
  }
}

async function startSandbox(url: string, shop: Shop, stepMs = 20): Promise<SandboxCarrier> {
  const carrier = undo.use(await openSandbox(url, { stepMs }))
  carrier.start(shop.url)
  return carrier
}

const statuses = (notices: readonly CarrierNotice[], reference: string) =>
  notices.filter(notice => notice.reference === reference).map(({ status }) => status)
const ends = (count: number) => (notices: readonly CarrierNotice[]) =>
  notices.filter(({ status }) => status === 'DELIVERED' || status === 'LOST').length === count

describe('the notices of the sandbox', () => {
  test('report a parcel step by step until it is delivered', async () => {
    const shop = await openShop()
    const carrier = await startSandbox(await freshDatabase(), shop)
    const booking = aBooking(null)
    const { trackingNumber } = { trackingNumber: '', ...(await carrier.book(booking)) }
    const notices = await shop.until(ends(1))
    expect(statuses(notices, booking.reference)).toEqual([
      ...['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED'],
    ])
    expect(notices.every(notice => notice.trackingNumber === trackingNumber)).toBe(true)
    expect(new Set(notices.map(({ id }) => id)).size).toBe(4)
    const times = notices.map(({ at }) => Date.parse(at))
    expect(times.every((time, n) => n === 0 || time - (times[n - 1] ?? 0) >= 20)).toBe(true)
  })

  test('follow the keywords in the delivery instructions', async () => {
    const shop = await openShop()
    const carrier = await startSandbox(await freshDatabase(), shop)
    const lose = aBooking('SANDBOX_LOSE')
    const stop = aBooking('SANDBOX_STOP_AFTER_DISPATCH')
    const hold = aBooking('SANDBOX_HOLD')
    const fast = aBooking('SANDBOX_FAST')
    await Promise.all([lose, stop, hold, fast].map(booking => carrier.book(booking)))
    const notices = await shop.until(ends(2))
    expect(statuses(notices, lose.reference)).toEqual(['DISPATCHED', 'IN_TRANSIT', 'LOST'])
    expect(statuses(notices, stop.reference)).toEqual(['DISPATCHED'])
    expect(statuses(notices, hold.reference)).toEqual([])
    expect(statuses(notices, fast.reference)).toHaveLength(4)
    await carrier.collect(hold.reference)
    expect(statuses(await shop.until(ends(3)), hold.reference)).toHaveLength(4)
  })

  test('never report a cancelled parcel', async () => {
    const shop = await openShop()
    const carrier = await startSandbox(await freshDatabase(), shop, 40)
    const cancelled = aBooking(null)
    await carrier.book(cancelled)
    expect(await carrier.cancel(cancelled.reference)).toBe('cancelled')
    await carrier.book(aBooking(null))
    expect(statuses(await shop.until(ends(1)), cancelled.reference)).toEqual([])
  })

  test('about a collection under way cannot be overtaken by a cancellation', async () => {
    const answers: unknown[] = []
    const booking = aBooking('SANDBOX_STOP_AFTER_DISPATCH')
    const shop = await openShop(async () => {
      answers.push(await carrier.cancel(booking.reference))
      return { status: 204 }
    })
    const carrier = await startSandbox(await freshDatabase(), shop)
    await carrier.book(booking)
    await shop.until(notices => notices.length === 1)
    expect(answers).toEqual(['collected'])
  })

  test('are sent again under the same ids until they are accepted', async () => {
    const shop = await openShop(call => ({ status: call === 1 ? 500 : 204 }))
    const carrier = await startSandbox(await freshDatabase(), shop)
    await carrier.book(aBooking('SANDBOX_FAST'))
    await shop.until(ends(1))
    expect(shop.calls[1]).toEqual(shop.calls[0])
    expect(shop.calls).toHaveLength(5)
  })

  test('are sent again only if the shop could not record them', async () => {
    const refused = new Set<string>()
    const shop = await openShop((_, notices) => {
      const bad = notices.filter(({ id, reference }) => reference === sick.reference && !refused.has(id))
      for (const { id } of bad) refused.add(id)
      if (bad.length === 0) return { status: 204 }
      return { status: 503, body: { error: { code: 'UNAVAILABLE', failed: bad.map(({ id }) => id) } } }
    })
    const sick = aBooking(null)
    const well = aBooking(null)
    const carrier = await openSandbox(await freshDatabase(), { stepMs: 5 })
    undo.use(carrier)
    await Promise.all([carrier.book(sick), carrier.book(well)])
    carrier.start(shop.url)
    await shop.until(notices => statuses(notices, sick.reference).includes('DELIVERED'))
    const times = new Map<string, number>()
    for (const { id } of shop.calls.flat()) times.set(id, (times.get(id) ?? 0) + 1)
    const of = (booking: { reference: string }) =>
      shop.calls.flat().filter(({ reference }) => reference === booking.reference)
    expect(of(sick).every(({ id }) => times.get(id) === 2)).toBe(true)
    expect(of(well).every(({ id }) => times.get(id) === 1)).toBe(true)
  })

  test('are sent once each by several instances that share the parcels, in calls of up to a hundred', async () => {
    const shop = await openShop()
    const url = await freshDatabase()
    const bookings = Array.from({ length: 150 }, () => aBooking(null))
    const one = undo.use(await openSandbox(url))
    const other = undo.use(await openSandbox(url))
    await Promise.all(bookings.map(booking => one.book(booking)))
    one.start(shop.url)
    other.start(shop.url)
    const notices = await shop.until(ends(150))
    expect(notices).toHaveLength(600)
    expect(new Set(notices.map(({ id }) => id)).size).toBe(600)
    expect(shop.calls.every(({ length }) => length <= 100)).toBe(true)
    expect(shop.calls.length).toBeLessThan(100)
  })

  test('continue after a restart where they stopped', async () => {
    const shop = await openShop()
    const url = await freshDatabase()
    const booking = aBooking(null)
    const before = await openSandbox(url)
    await before.book(booking)
    before.start(shop.url)
    await shop.until(notices => notices.length >= 2)
    await before[Symbol.asyncDispose]()
    await startSandbox(url, shop)
    expect(statuses(await shop.until(ends(1)), booking.reference)).toHaveLength(4)
  })
})

test('several instances claim no parcel twice, and do not wait for parcels that another holds', async () => {
  const url = await freshDatabase()
  const logger = pino({ level: 'silent' })
  const instances = [undo.use(await openParcels(url, logger)), undo.use(await openParcels(url, logger))]
  const [one] = instances
  const now = new Date()
  for (let n = 0; n < 60; n++)
    await one?.book({
      ...{ reference: `parcel-${n}`, trackingNumber: `T${n}`, journey: 'normal', atOnce: false },
      ...{ estimatedDelivery: now, collection: now },
    })
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query("SELECT 1 FROM sandbox_carrier.parcels WHERE reference = 'parcel-0' FOR UPDATE")
  const leaseUntil = new Date(now.getTime() + 60_000)
  const rounds = Array.from({ length: 8 }, (_, n) =>
    instances[n % 2]?.claim({ sent: [], now, leaseUntil, limit: 20 }),
  )
  const claimed = (await Promise.all(rounds)).flatMap(parcels => parcels?.map(({ reference }) => reference))
  await holder.query('ROLLBACK')
  await holder.end()
  expect(new Set(claimed).size).toBe(claimed.length)
  expect(claimed).toHaveLength(59)
})
