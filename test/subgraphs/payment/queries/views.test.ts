// Tests the read models of payment: the documents of a history, and that no token gets into one.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { reauthoriseMovement } from '#subgraphs/payment/domain/worklist.ts'
import {
  movementsView,
  movementTotalsView,
  type PaymentDoc,
  paymentsView,
  totalsView,
} from '#subgraphs/payment/queries/views.ts'
import {
  AT,
  AUTHORISED,
  captureRequested,
  card,
  eur,
  fold,
  ORDER,
  paymentCaptured,
  requested,
  standing,
  tenderAuthorised,
  tenderCaptured,
  voidRequested,
  voucher,
} from '../domain/payment-fixture.ts'
import { after, CAPTURING, captures, DECLINED } from '../domain/provider-outcomes.ts'

const REFUSED = after(CAPTURING, captures(DECLINED))
const PAYMENT = 'pay_0190a5b2-0000-7000-8000-000000000001'

function recorded(events: readonly PaymentEvent[], paymentId = PAYMENT, from = 1): RecordedEvent[] {
  return events.map(({ type, data }, index) => ({
    position: from + index,
    stream: `payment-${paymentId}`,
    version: index + 1,
    id: `${paymentId}-${index}`,
    type,
    schema: 1,
    data,
    meta: {},
    recordedAt: AT,
  }))
}

/** The documents after `events`, with each update applied as it is to its document. */
function projected<Doc extends Document>(
  view: View<Doc>,
  events: readonly RecordedEvent[],
): Map<string, Doc> {
  const docs = new Map<string, Doc>()
  for (const event of events)
    for (const { id, update } of view.project(event)) {
      const doc = update(docs.get(id))
      if (doc) docs.set(id, doc)
      else docs.delete(id)
    }
  return docs
}

function paymentAfter(events: readonly PaymentEvent[]): PaymentDoc | undefined {
  return projected(paymentsView, recorded(events)).get(PAYMENT)
}

test('a payment document is the state of its aggregate without the tokens', () => {
  const { tenders, ...rest } = standing(AUTHORISED)
  expect(paymentAfter(AUTHORISED)).toEqual({
    ...rest,
    tenders: tenders.map(tender => ({ ...tender, token: '' })),
  })
})

test('no token gets into a document', () => {
  const history = [
    requested(card('t1', 500, 'tok_secret_one'), { ...voucher('v1', 500), token: 'vch_secret' }),
  ]
  expect(JSON.stringify([...projected(paymentsView, recorded(history))])).not.toMatch(/secret/)
})

test('the token of a new authorisation does not get into one either', () => {
  const asked = reauthoriseMovement(fold(REFUSED), {
    ...{ movementId: 'cap_1', by: 'olga', at: AT },
    token: { kind: 'CARD', token: 'tok_secret_two' },
  })
  if ('refused' in asked) throw new Error(asked.refused.code)
  const history = [...REFUSED, ...asked.accepted]
  for (const view of [paymentsView, movementsView])
    expect(JSON.stringify([...projected<Document>(view, recorded(history))])).not.toMatch(/secret/)
})

test('a refused movement is one document, and open amounts add up by kind and currency', () => {
  const again: PaymentEvent = {
    type: 'MovementRefused',
    data: {
      ...{
        orderId: ORDER,
        movementId: 'cap_1',
        kind: 'CAPTURE',
        amount: eur(2_000),
        before: eur(6_000),
        at: AT,
      },
      ...{ code: 'partial_capture', retryable: true, shares: [] },
    },
  }
  const closed: PaymentEvent = {
    type: 'MovementSettled',
    data: { orderId: ORDER, movementId: 'cap_1', kind: 'CAPTURE', amount: eur(2_000), at: AT },
  }
  const seen = [REFUSED, [...REFUSED, again], [...REFUSED, again, closed]].map(history => {
    const [events, id] = [recorded(history), 'CAPTURE:EUR']
    const { count, minor } = projected(movementTotalsView, events).get(id) ?? { count: 0, minor: 0 }
    const { status, tries } = projected(movementsView, events).get('cap_1') ?? {}
    return { count, minor, status, tries }
  })
  expect(seen).toEqual([
    { count: 1, minor: 6_000, status: 'OPEN', tries: 1 },
    { count: 1, minor: 2_000, status: 'OPEN', tries: 2 },
    { count: 0, minor: 0, status: 'SETTLED', tries: 2 },
  ])
})

test('a document holds the time since which a response is missing, until it arrives', () => {
  expect(paymentAfter([requested(card('t1', 100))])?.unfinishedSince).toBe(AT)
  expect(paymentAfter([requested(card('t1', 100)), tenderAuthorised('t1', 100)])).not.toHaveProperty(
    'unfinishedSince',
  )
  expect(paymentAfter([...AUTHORISED, voidRequested])?.unfinishedSince).toBe(AT)
})

test('a void before any request leaves no document', () => {
  expect(paymentAfter([{ type: 'PaymentForestalled', data: { orderId: ORDER, at: AT } }])).toBeUndefined()
})

test('events of types that this build does not know change nothing', () => {
  const [event] = recorded(AUTHORISED)
  const unknown = { ...event, type: 'PaymentTeleported' } as RecordedEvent
  expect(paymentsView.project(unknown)).toEqual([])
  expect(totalsView.project(unknown)).toEqual([])
})

test('the totals of a currency add up over its payments', () => {
  const other = 'pay_0190a5b2-0000-7000-8000-000000000009'
  const first: PaymentEvent[] = [
    ...AUTHORISED,
    captureRequested('cap1', ['t1', 6_000]),
    tenderCaptured('cap1', 't1', 6_000),
    paymentCaptured('cap1', 6_000),
    voidRequested,
    { type: 'TenderVoided', data: { tenderId: 't1', amount: eur(4_000), at: AT } },
    { type: 'PaymentVoided', data: { orderId: ORDER, amount: eur(4_000), at: AT } },
    { type: 'TenderRefunded', data: { refundId: 'ref1', tenderId: 't1', amount: eur(500), at: AT } },
  ]
  const dollars: PaymentEvent = {
    type: 'PaymentRequested',
    data: { orderId: ORDER, customerId: 'c', amount: { minor: 7, currency: 'USD' }, tenders: [], at: AT },
  }
  const events = [
    ...recorded(first),
    ...recorded([requested(card('t1', 900))], other, 20),
    ...recorded([dollars], other, 30),
  ]
  const docs = projected(totalsView, events)
  expect(docs.get('EUR')).toEqual({
    currency: 'EUR',
    requested: 10_900,
    authorised: 10_000,
    captured: 6_000,
    voided: 4_000,
    refunded: 500,
  })
  expect(docs.get('USD')).toMatchObject({ requested: 7, authorised: 0 })
})

test('a replay in any batches gives the same documents', () => {
  const events = recorded([
    ...AUTHORISED,
    captureRequested('cap1', ['t1', 100]),
    tenderCaptured('cap1', 't1', 100),
  ])
  fc.assert(
    fc.property(fc.nat(events.length), split => {
      const batches = [...projected(paymentsView, events.slice(0, split))]
      const docs = new Map(batches)
      for (const event of events.slice(split))
        for (const { id, update } of paymentsView.project(event)) {
          const doc = update(docs.get(id))
          if (doc) docs.set(id, doc)
        }
      expect(docs).toEqual(projected(paymentsView, events))
    }),
  )
})
