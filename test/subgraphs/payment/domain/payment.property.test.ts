// Tests the invariants of a payment under random commands and responses of the provider.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Decision } from '#platform/domain/decision.ts'
import {
  type PaymentRefusal,
  requestCapture,
  requestPayment,
  requestRefund,
  requestVoid,
} from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { type Operation, outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { evolve, isStanding, type Payment } from '#subgraphs/payment/domain/payment.ts'
import { type ProviderResponse, recordResponses } from '#subgraphs/payment/domain/provider-responses.ts'
import { type PaymentStatus, paymentStatus, tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import { AT, CUSTOMER, card, eur, fold, ORDER, voucher } from './payment-fixture.ts'

/** Every change of status there is. What is not listed cannot happen. */
const NEXT: Readonly<Record<PaymentStatus, readonly PaymentStatus[]>> = {
  REQUESTED: ['AWAITING_APPROVAL', 'AUTHORISED', 'DECLINED', 'VOIDED'],
  AWAITING_APPROVAL: ['AUTHORISED', 'DECLINED', 'VOIDED'],
  AUTHORISED: ['PARTIALLY_CAPTURED', 'CAPTURED', 'VOIDED'],
  DECLINED: [],
  PARTIALLY_CAPTURED: ['CAPTURED', 'PARTIALLY_REFUNDED'],
  CAPTURED: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  VOIDED: [],
  PARTIALLY_REFUNDED: ['REFUNDED'],
  REFUNDED: [],
}

type Said = 'approved' | 'pending' | 'declined' | 'lost'
type Step =
  | { do: 'request'; tenders: { voucher: boolean; minor: number }[]; skew: number }
  | { do: 'capture' | 'refund'; minor: number }
  | { do: 'void' }
  /** The provider answers what is outstanding, one word each; 'lost' is no answer at all. */
  | { do: 'answer'; said: Said[] }
  /** A webhook, true or not, about any tender at any time. */
  | { do: 'webhook'; tender: number; said: 'approved' | 'declined'; ref: number }

const said = fc.constantFrom<Said>('approved', 'approved', 'approved', 'pending', 'declined', 'lost')
const answer = fc.record({
  do: fc.constant('answer' as const),
  said: fc.array(said, { minLength: 4, maxLength: 4 }),
})
const request = fc.record({
  do: fc.constant('request' as const),
  tenders: fc.array(fc.record({ voucher: fc.boolean(), minor: fc.integer({ min: 1, max: 60 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
  skew: fc.constantFrom(0, 0, 0, 0, 1, -1),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: answer },
  { weight: 1, arbitrary: request },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('capture' as const, 'refund' as const),
      minor: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('webhook' as const),
      tender: fc.nat(4),
      said: fc.constantFrom('approved' as const, 'declined' as const),
      ref: fc.nat(2),
    }),
  },
)
const approvals = fc.constant<Step>({ do: 'answer', said: ['approved'] })
/** Most lives get as far as an authorised payment; the others go anywhere. */
const life: fc.Arbitrary<Step[]> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(request, approvals, fc.array(step, { minLength: 5, maxLength: 30 }))
      .map(([first, second, rest]) => [first, second, ...rest]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(request, fc.array(step, { maxLength: 25 })).map(([first, rest]) => [first, ...rest]),
  },
)

function decide(payment: Payment, step: Step, index: number): Decision<PaymentEvent, PaymentRefusal> {
  const move = (minor: number) => ({ moveId: `mov${index}`, amount: eur(minor), at: AT })
  switch (step.do) {
    case 'request': {
      const tenders = step.tenders.map((tender, at) =>
        (tender.voucher ? voucher : card)(`t${at}`, tender.minor),
      )
      const total = tenders.reduce((sum, tender) => sum + tender.amount.minor, step.skew)
      return requestPayment(payment, {
        orderId: ORDER,
        customerId: CUSTOMER,
        amount: eur(total),
        tenders,
        at: AT,
      })
    }
    case 'capture':
      return requestCapture(payment, move(step.minor))
    case 'refund':
      return requestRefund(payment, move(step.minor))
    case 'void':
      return requestVoid(payment, { orderId: ORDER, at: AT })
    case 'answer':
      return recordResponses(payment, answersTo(outstanding(payment), step.said), AT)
    case 'webhook':
      return recordResponses(payment, [authorisation(`t${step.tender}`, step.said, `ref${step.ref}`)], AT)
  }
}

function answersTo(operations: readonly Operation[], words: readonly Said[]): ProviderResponse[] {
  return operations.flatMap((operation, index) =>
    answersToOne(operation, words[index % words.length] ?? 'lost', index),
  )
}

function answersToOne(operation: Operation, word: Said, index: number): ProviderResponse[] {
  if (word === 'lost') return []
  const { tenderId } = operation
  switch (operation.kind) {
    case 'authorise':
      return [authorisation(tenderId, word, `ref${index}`)]
    case 'capture':
    case 'refund':
      return [
        {
          to: operation.kind,
          moveId: operation.moveId,
          tenderId,
          said:
            word === 'declined'
              ? { status: 'declined', code: 'declined', retryable: false }
              : { status: 'approved' },
        },
      ]
    case 'void':
      return [{ to: 'void', tenderId }]
    case 'void-late':
      return [{ to: 'void-late', tenderId, providerRef: operation.providerRef }]
  }
}

function authorisation(tenderId: string, word: Exclude<Said, 'lost'>, providerRef: string): ProviderResponse {
  return word === 'declined'
    ? { to: 'authorise', tenderId, said: { status: 'declined', code: 'declined', retryable: false } }
    : { to: 'authorise', tenderId, said: { status: word, providerRef } }
}

type Lived = { history: PaymentEvent[]; payment: Payment }

/** Lives through `steps`, and shows `seen` the state after each single event. */
function live(steps: readonly Step[], seen: (payment: Payment, before: Payment) => void = () => {}): Lived {
  const history: PaymentEvent[] = []
  let payment: Payment = fold([])
  for (const [index, step] of steps.entries()) {
    const decision = decide(payment, step, index)
    if ('refused' in decision) continue
    for (const event of decision.accepted) {
      const before = payment
      payment = evolve(payment, event)
      history.push(event)
      seen(payment, before)
    }
  }
  return { history, payment }
}

test('refunded <= captured <= authorised <= requested, on each tender and in total, after every event', () => {
  fc.assert(
    fc.property(life, steps => {
      live(steps, payment => {
        if (!isStanding(payment)) return
        for (const tender of payment.tenders) {
          expect(tender.refunded).toBeLessThanOrEqual(tender.captured)
          expect(tender.captured).toBeLessThanOrEqual(tender.held)
          expect(tender.held).toBeLessThanOrEqual(tender.amount)
        }
        expect(payment.tenders.reduce((sum, tender) => sum + tender.amount, 0)).toBe(payment.amount)
      })
    }),
    { numRuns: 500 },
  )
})

test('the random histories reach every status', () => {
  const reached = new Set<PaymentStatus>()
  for (const steps of fc.sample(life, { numRuns: 2_000, seed: 7 }))
    live(steps, payment => {
      if (isStanding(payment)) reached.add(paymentStatus(payment))
    })
  expect([...reached].sort()).toEqual(Object.keys(NEXT).sort())
})

test('a status changes only to one that may follow it', () => {
  fc.assert(
    fc.property(life, steps => {
      live(steps, (payment, before) => {
        if (!isStanding(payment) || !isStanding(before)) return
        const [from, to] = [paymentStatus(before), paymentStatus(payment)]
        if (from !== to) expect(NEXT[from], `${from} -> ${to}`).toContain(to)
      })
    }),
    { numRuns: 500 },
  )
})

test('the money movements in the history add up to the sums of the state', () => {
  fc.assert(
    fc.property(life, steps => {
      const { history, payment } = live(steps)
      if (!isStanding(payment)) return
      const total = (type: PaymentEvent['type']) =>
        history.reduce((sum, event) => {
          if (event.type !== type || !('amount' in event.data)) return sum
          return sum + event.data.amount.minor
        }, 0)
      expect(tenderTotals(payment)).toEqual({
        authorised: total('TenderAuthorised') - total('TenderVoided'),
        captured: total('TenderCaptured'),
        refunded: total('TenderRefunded'),
      })
    }),
    { numRuns: 500 },
  )
})

test('a replay of the history, through JSON, gives the same state', () => {
  fc.assert(
    fc.property(life, steps => {
      const { history, payment } = live(steps)
      const stored: PaymentEvent[] = JSON.parse(JSON.stringify(history))
      expect(fold(stored)).toEqual(payment)
    }),
  )
})

test('once the provider has responded to everything, nothing is outstanding and a void payment holds only its captures', () => {
  fc.assert(
    fc.property(life, steps => {
      const honest: Step = { do: 'answer', said: ['approved', 'approved', 'approved', 'approved'] }
      const { payment } = live([...steps, honest, honest, honest])
      expect(outstanding(payment)).toEqual([])
      if (!isStanding(payment) || (payment.phase !== 'voided' && payment.phase !== 'declined')) return
      for (const tender of payment.tenders) expect(tender.held).toBe(tender.captured)
    }),
    { numRuns: 500 },
  )
})

test('a repeated void or response adds nothing', () => {
  fc.assert(
    fc.property(life, fc.nat(100), (steps, at) => {
      const repeatable = steps.filter(step => step.do === 'void' || step.do === 'webhook')
      const again = repeatable[at % Math.max(repeatable.length, 1)]
      if (!again) return
      const once = live([...steps, again])
      expect(live([...steps, again, again]).history).toEqual(once.history)
    }),
  )
})
