// Tests the carrier's webhook over HTTP: signatures, batches, repeats, unknown shipments, and failures.
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { signWebhook } from '#platform/webhooks/signature.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { aShipment, keyed, type Running, runShipping, SERVICE } from '../shipping-fixture.ts'

let shipping: Running
let store: EventStore
let databaseUrl: string
beforeAll(async () => {
  databaseUrl = await freshDatabase()
  shipping = await runShipping({ databaseUrl })
  store = await openPostgresEventStore({ url: databaseUrl })
})
afterAll(async () => {
  await store?.[Symbol.asyncDispose]()
  await shipping?.[Symbol.asyncDispose]()
})

const CREATE = `mutation ($input: CreateShipmentInput!) { createShipment(input: $input) {
  ... on ShipmentCreated { shipment { id trackingNumber } } } }`

type Shipment = { readonly id: string; readonly trackingNumber: string }
type Created = { readonly createShipment: { readonly shipment: Shipment } }

async function created(): Promise<Shipment> {
  const { data } = await shipping.request<Created>(
    SERVICE,
    CREATE,
    keyed(aShipment({ instructions: 'SANDBOX_HOLD' })),
  )
  return data.createShipment.shipment
}

function notice(shipment: Shipment, status: string, id: string = randomUUID()) {
  const { id: reference, trackingNumber } = shipment
  return { id, reference, trackingNumber, status, text: status, at: new Date().toISOString() }
}
const call = (...events: object[]) => ({ id: randomUUID(), events })

async function statusOf(id: string): Promise<string> {
  return (await createRepository(store, shipmentAggregate).load(id)).state.status
}

async function whileNothingIsStored<T>(work: () => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: databaseUrl })
  await session.connect()
  await session.query('ALTER TABLE event_store.events ADD CONSTRAINT stop CHECK (false) NOT VALID')
  const result = await work()
  await session.query('ALTER TABLE event_store.events DROP CONSTRAINT stop')
  await session.end()
  return result
}

test('a signed notice is recorded, and a repeat, alone or in a batch, changes nothing', async () => {
  const shipment = await created()
  const first = notice(shipment, 'DISPATCHED')
  expect((await shipping.notify(call(first))).status).toBe(204)
  expect(await statusOf(shipment.id)).toBe('DISPATCHED')
  const head = await store.head()
  expect((await shipping.notify(call(first))).status).toBe(204)
  expect((await shipping.notify(call(first, first, { ...first, id: randomUUID() }))).status).toBe(204)
  expect(await store.head()).toBe(head)
})

test('a batch is recorded as a whole, the notices of one parcel in their order', async () => {
  const shipments = await Promise.all(Array.from({ length: 20 }, created))
  const steps = ['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED']
  const events = steps.flatMap(status => shipments.map(shipment => notice(shipment, status)))
  expect((await shipping.notify(call(...events))).status).toBe(204)
  for (const { id } of shipments) {
    const { state } = await createRepository(store, shipmentAggregate).load(id)
    expect(state).toMatchObject({ status: 'DELIVERED', tracking: steps.map(status => ({ status })) })
  }
})

test.each([
  ['none', ''],
  ['nonsense', 't=1,v1=abc'],
  ['that of another secret', signWebhook('another', '{}', new Date())],
])('a call with a wrong signature (%s) records nothing', async (_, signature) => {
  const shipment = await created()
  const head = await store.head()
  const { status, body } = await shipping.notify(call(notice(shipment, 'DELIVERED')), signature)
  expect([status, body?.error.code]).toEqual([401, 'UNAUTHENTICATED'])
  expect(await store.head()).toBe(head)
})

test('a call that was signed more than five minutes ago is refused', async () => {
  const body = call(notice(await created(), 'DISPATCHED'))
  const old = new Date(Date.now() - 301_000)
  const signature = signWebhook('a secret shared with the carrier', JSON.stringify(body), old)
  expect((await shipping.notify(body, signature)).status).toBe(401)
})

test.each([
  ['no events', { id: '1', events: [] }, 'events: should be at least 1 entries'],
  [
    'a status that is none',
    call({ ...notice({ id: 'x', trackingNumber: 'y' }, 'EATEN') }),
    'events[0].status: should be one of DISPATCHED',
  ],
  [
    'more than a hundred events',
    call(...Array(101).fill(notice({ id: 'x', trackingNumber: 'y' }, 'LOST'))),
    'events: should be at most 100 entries',
  ],
  [
    'a time that is none',
    call({ ...notice({ id: 'x', trackingNumber: 'y' }, 'LOST'), at: 'yesterday' }),
    'events[0].at: should be an instant of ISO 8601',
  ],
])(
  'a body with %s is bad input, which says so plainly, and nothing of it is written',
  async (_, body, problem) => {
    const head = await store.head()
    const answer = await shipping.notify(body)
    expect([answer.status, answer.body?.error.code]).toEqual([400, 'BAD_USER_INPUT'])
    expect(answer.body?.error.message).toContain(problem)
    expect(await store.head()).toBe(head)
  },
)

test('a notice about an unknown shipment is ignored, and the others are recorded', async () => {
  const shipment = await created()
  const foreign = notice({ id: newId('shipment'), trackingNumber: 'ZZ' }, 'DELIVERED')
  expect((await shipping.notify(call(foreign, notice(shipment, 'DISPATCHED')))).status).toBe(204)
  expect(await statusOf(shipment.id)).toBe('DISPATCHED')
})

test('the id of a notice, used for another shipment, changes nothing there', async () => {
  const [one, other] = [await created(), await created()]
  const id = randomUUID()
  await shipping.notify(call(notice(one, 'DISPATCHED', id)))
  expect((await shipping.notify(call(notice(other, 'DISPATCHED', id)))).status).toBe(204)
  expect(await statusOf(other.id)).toBe('LABELLED')
})

test('a notice that could not be recorded is named, and is recorded when it is sent again', async () => {
  const shipment = await created()
  const late = notice(shipment, 'DISPATCHED')
  const failed = await whileNothingIsStored(() => shipping.notify(call(late)))
  expect(failed).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE', failed: [late.id] } } })
  expect((await shipping.notify(call(late))).status).toBe(204)
  expect(await statusOf(shipment.id)).toBe('DISPATCHED')
})

test('a notice with an unknown status is named, and the others of the call are recorded', async () => {
  const shipment = await created()
  const unknown = notice(shipment, 'NEW_STATUS')
  const answer = await shipping.notify(call(unknown, notice(shipment, 'DISPATCHED'), { reference: 7 }))
  expect(answer).toMatchObject({
    status: 400,
    body: {
      error: {
        code: 'BAD_USER_INPUT',
        message: expect.stringContaining('2 of 3 notices cannot be taken, and the others are done with'),
        refused: [
          {
            id: unknown.id,
            problem: expect.stringContaining('events[0].status: should be one of DISPATCHED'),
          },
          { id: null, problem: expect.stringContaining('events[2].id') },
        ],
      },
    },
  })
  expect(await statusOf(shipment.id)).toBe('DISPATCHED')
})

test('a text that cannot be stored is corrected, so that the notice is not lost', async () => {
  const shipment = await created()
  const told = { ...notice(shipment, 'DISPATCHED'), text: 'Depot 7\0 \ud800!' }
  expect((await shipping.notify(call(told))).status).toBe(204)
  const { state } = await createRepository(store, shipmentAggregate).load(shipment.id)
  expect(state).toMatchObject({ status: 'DISPATCHED', tracking: [{ text: 'Depot 7\ufffd \ufffd!' }] })
})

test('a notice with another tracking number than that of the shipment is refused, alone or among others', async () => {
  const [one, other] = [await created(), await created()]
  const wrong = notice({ id: one.id, trackingNumber: other.trackingNumber }, 'DELIVERED')
  expect(await shipping.notify(call(wrong, notice(other, 'DISPATCHED')))).toMatchObject({
    status: 400,
    body: {
      error: {
        refused: [
          {
            id: wrong.id,
            problem: `notice ${wrong.id}: ${other.trackingNumber} is not the tracking number of ${one.id}`,
          },
        ],
      },
    },
  })
  expect(await statusOf(one.id)).toBe('LABELLED')
  expect(await statusOf(other.id)).toBe('DISPATCHED')
})

test('one response names the refused notices and those to send again', async () => {
  const shipment = await created()
  const late = notice(shipment, 'DISPATCHED')
  const unknown = notice(shipment, 'NEW_STATUS')
  const answer = await whileNothingIsStored(() => shipping.notify(call(late, unknown)))
  expect(answer).toMatchObject({
    status: 503,
    body: { error: { failed: [late.id], refused: [{ id: unknown.id }] } },
  })
})

/** Texts that databases and stream names have trouble with, beside ordinary ones. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.constantFrom(
    '',
    '\0',
    'a\0b',
    '\ud800',
    '\udc00x',
    '\u2028',
    '\n',
    ' ',
    '\uffff',
    '0000-01-01T00:00:00Z',
  ),
  fc.constantFrom('2026-02-30T00:00:00Z', '2026-01-01T00:00:00+24:00', '9999-12-31T23:59:59-23:59'),
)

test('a notice with any text is recorded or refused, never requested again, and its neighbour is recorded', async () => {
  const field = fc.constantFrom(
    'id',
    'reference',
    'trackingNumber',
    'status',
    'text',
    'at',
    'estimatedDelivery',
  )
  await fc.assert(
    fc.asyncProperty(field, anyText, async (name, text) => {
      const [odd, fine] = [await created(), await created()]
      const answer = await shipping.notify(
        call({ ...notice(odd, 'DISPATCHED'), [name]: text }, notice(fine, 'DISPATCHED')),
      )
      expect([204, 400]).toContain(answer.status)
      expect(await statusOf(fine.id)).toBe('DISPATCHED')
    }),
    { numRuns: 60 },
  )
})
