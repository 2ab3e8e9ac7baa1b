// Tests that a payment's figures equal the provider's ledger at rest, after any commands, faults, retries and wrong responses.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  requestCapture,
  requestPayment,
  requestRefund,
  requestVoid,
} from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { evolve, isStanding, type Payment, type StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { type ProviderResponse, recordResponses } from '#subgraphs/payment/domain/provider-responses.ts'
import type { RefusedMovement } from '#subgraphs/payment/domain/refused-movement.ts'
import { reauthoriseMovement, retryMovement, writeOffMovement } from '#subgraphs/payment/domain/worklist.ts'
import { AT, CUSTOMER, card, eur, fold, ORDER, voucher } from './payment-fixture.ts'
import { createModelProvider, type Deed, type Ledger, type ModelProvider } from './provider-model.ts'

const RUNS = Number(process.env.CONSERVATION_RUNS ?? 500)

type Step =
  | { do: 'capture' | 'refund'; minor: number }
  | { do: 'void' }
  /** The provider is asked for what is outstanding, and does a deed for each. */
  | { do: 'ask'; deeds: Deed[] }
  /** One of the earlier responses arrives again. */
  | { do: 'repeat'; which: number }
  | { do: 'retry' | 'reauthorise' | 'another card' | 'write off'; which: number }

const DEEDS: readonly Deed[] = ['declined', 'retryable', 'expired', 'less', 'more', 'pending', 'lost', 'down']
const deed = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Deed>('asked') },
  { weight: 4, arbitrary: fc.constantFrom(...DEEDS) },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      deeds: fc.array(deed, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('capture' as const), minor: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('refund' as const), minor: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'void' }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'retry' as const,
        'reauthorise' as const,
        'another card' as const,
        'write off' as const,
      ),
      which: fc.nat(3),
    }),
  },
)
const tenders = fc.array(fc.record({ isVoucher: fc.boolean(), minor: fc.integer({ min: 1, max: 80 }) }), {
  minLength: 1,
  maxLength: 3,
})

/** Most payments are authorised as asked for; the others begin anyhow. */
const life: fc.Arbitrary<Life> = fc.record({
  given: tenders,
  first: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Deed[]>(['asked']) },
    { weight: 1, arbitrary: fc.array(deed, { minLength: 1, maxLength: 3 }) },
  ),
  steps: fc.array(step, { maxLength: 25 }),
})

type Life = {
  readonly given: readonly { isVoucher: boolean; minor: number }[]
  readonly first: readonly Deed[]
  readonly steps: readonly Step[]
}

type Decided =
  | { readonly accepted: readonly PaymentEvent[] }
  | { readonly refused: { readonly code: string } }

type World = {
  payment: Payment
  readonly history: PaymentEvent[]
  readonly provider: ModelProvider
  readonly answers: ProviderResponse[]
}

function begin({ given, first }: Life): World {
  const asked = given.map(({ isVoucher, minor }, index) => (isVoucher ? voucher : card)(`t${index}`, minor))
  const amount = eur(given.reduce((sum, { minor }) => sum + minor, 0))
  const world: World = { payment: fold([]), history: [], provider: createModelProvider(), answers: [] }
  const command = { orderId: ORDER, customerId: CUSTOMER, amount, tenders: asked, at: AT }
  apply(world, requestPayment(world.payment, command))
  ask(world, first)
  return world
}

function apply(world: World, decision: Decided): void {
  if ('refused' in decision) return
  for (const event of decision.accepted) {
    world.payment = evolve(world.payment, event)
    world.history.push(event)
    conserves(world)
  }
}

/** Each answer may be recorded by itself, as by processes side by side, or with the others. */
function ask(world: World, deeds: readonly Deed[]): void {
  const operations = outstanding(world.payment)
  const answers = operations.flatMap((operation, index) => {
    const answer = world.provider.ask(operation, deeds[index % deeds.length] ?? 'asked')
    return answer ? [answer] : []
  })
  world.answers.push(...answers)
  const together = deeds.length % 2 === 0
  for (const batch of together ? [answers] : answers.map(answer => [answer]))
    apply(world, recordResponses(world.payment, batch, AT))
}

function take(world: World, step: Step, index: number): void {
  const decision = decisionOn(world, step, index)
  if (decision) apply(world, decision)
  else if (step.do === 'ask') ask(world, step.deeds)
}

function decisionOn({ payment, answers }: World, step: Step, index: number): Decided | undefined {
  switch (step.do) {
    case 'capture':
      return requestCapture(payment, { moveId: `cap_${index}`, amount: eur(step.minor), at: AT })
    case 'refund':
      return requestRefund(payment, { moveId: `ref_${index}`, amount: eur(step.minor), at: AT })
    case 'void':
      return requestVoid(payment, { orderId: ORDER, at: AT })
    case 'ask':
      return undefined
    case 'repeat': {
      const answer = answers[step.which % Math.max(answers.length, 1)]
      return answer && recordResponses(payment, [answer], AT)
    }
    case 'retry':
    case 'reauthorise':
    case 'another card':
    case 'write off':
      return operatorsDecision(payment, step)
  }
}

type OperatorsStep = Extract<Step, { do: 'retry' | 'reauthorise' | 'another card' | 'write off' }>

function operatorsDecision(payment: Payment, step: OperatorsStep): Decided | undefined {
  if (!isStanding(payment) || payment.refused.length === 0) return undefined
  const movementId = payment.refused[step.which % payment.refused.length]?.id ?? ''
  const command = { movementId, by: 'olga', at: AT }
  if (step.do === 'retry') return retryMovement(payment, command)
  if (step.do === 'write off') return writeOffMovement(payment, { ...command, note: 'a test' })
  const token = { kind: 'CARD' as const, token: 'tok_other' }
  return reauthoriseMovement(payment, step.do === 'another card' ? { ...command, token } : command)
}

/** Holds after every single event. */
function conserves({ payment }: World): void {
  if (!isStanding(payment)) return
  for (const { tenderId, captured, held, refunded } of payment.tenders) {
    expect(captured, `${tenderId} is captured within what is authorised`).toBeLessThanOrEqual(held)
    expect(refunded, `${tenderId} is refunded within what is captured`).toBeLessThanOrEqual(captured)
    expect(refunded).toBeGreaterThanOrEqual(0)
  }
}

/** The provider comes back and does all that it is asked for. */
function rest(world: World): void {
  for (let round = 0; round < 20 && outstanding(world.payment).length > 0; round++)
    ask(world, ['asked', 'asked'])
  expect(outstanding(world.payment)).toEqual([])
}

function live(life: Life): World {
  const world = begin(life)
  for (const [index, step] of life.steps.entries()) take(world, step, index)
  rest(world)
  return world
}

const EMPTY: Ledger = { authorised: 0, captured: 0, refunded: 0, voided: 0, expired: false }

test('at rest, a payment records exactly what the provider did', () => {
  fc.assert(
    fc.property(life, lived => {
      const { payment, provider } = live(lived)
      if (!isStanding(payment)) return
      for (const tender of payment.tenders) {
        const ledger = provider.ledgers.get(tender.tenderId) ?? EMPTY
        const { captured, refunded } = tender
        expect({ captured, refunded }).toEqual({ captured: ledger.captured, refunded: ledger.refunded })
        const held = ledger.authorised - ledger.voided
        const { tenderId } = tender
        if (!isUnknown(payment, tenderId, ledger)) expect(tender.held, `held on ${tenderId}`).toBe(held)
      }
    }),
    { numRuns: RUNS },
  )
})

/** A void on the worklist says that more is held there; an authorisation that expired is let go by the next void. */
function isUnknown({ tenders, refused }: StandingPayment, tenderId: string, ledger: Ledger): boolean {
  const isVoid = ({ id, status }: RefusedMovement) => id.startsWith(`voi_${tenderId}`) && status !== 'SETTLED'
  const isHeld = tenders.some(tender => tender.tenderId === tenderId && tender.held > tender.captured)
  return refused.some(isVoid) || (ledger.expired && isHeld)
}

test('at rest, nothing more is held on an authorisation that another has replaced', () => {
  fc.assert(
    fc.property(life, lived => {
      const { payment } = live(lived)
      if (!isStanding(payment)) return
      for (const { tenderId, held, captured } of payment.tenders) {
        const isRefused = payment.refused.some(({ id }) => id === `voi_${tenderId}`)
        const isReplaced = payment.tenders.some(other => other.held > 0 && other.replaces?.includes(tenderId))
        if (isReplaced && !isRefused) expect(held, tenderId).toBe(captured)
      }
    }),
    { numRuns: RUNS },
  )
})

test('every requested capture is captured, refunded, on the worklist, closed by an operator, or void', () => {
  fc.assert(
    fc.property(life, lived => {
      const { payment, history } = live(lived)
      if (!isStanding(payment)) return
      for (const event of history) {
        if (event.type !== 'CaptureRequested') continue
        const { captureId, amount } = event.data
        const taken = history.reduce(
          (sum, { type, data }) =>
            sum + (type === 'TenderCaptured' && data.captureId === captureId ? data.amount.minor : 0),
          0,
        )
        const entry = payment.refused.find(({ id }) => id === captureId)
        const open = entry && entry.status !== 'SETTLED' ? entry.amount.minor : 0
        const excess = history.reduce(
          (sum, { type, data }) =>
            sum +
            (type === 'RefundRequested' && data.refundId.startsWith(`ref_${captureId.slice(4)}-excess`)
              ? data.amount.minor
              : 0),
          0,
        )
        expect(taken - excess + open, captureId).toBe(amount.minor)
      }
    }),
    { numRuns: RUNS },
  )
})

test('a replay of the history, through JSON, gives the same state', () => {
  fc.assert(
    fc.property(life, lived => {
      const { payment, history } = live(lived)
      const stored: PaymentEvent[] = JSON.parse(JSON.stringify(history))
      expect(fold(stored)).toEqual(payment)
    }),
  )
})

test('the random histories contain every event', () => {
  const seen = new Set<string>()
  for (const lived of fc.sample(life, { numRuns: 600, seed: 11 }))
    for (const { type } of live(lived).history) seen.add(type)
  for (const type of [
    'ReauthorisationRequested',
    'MovementRetried',
    'MovementSettled',
    'MovementWrittenOff',
    'MovementDropped',
    'TenderApprovedLate',
  ])
    expect(seen).toContain(type)
})
