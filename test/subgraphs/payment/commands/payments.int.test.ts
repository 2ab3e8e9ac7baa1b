// Tests payment commands on a real store and provider: repeats, crashes and concurrency charge nothing twice.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import type { PaymentProvider } from '#subgraphs/payment/adapters/payment-provider.ts'
import type { AuthorisePayment } from '#subgraphs/payment/commands/payments.ts'
import type { Payment } from '#subgraphs/payment/domain/payment.ts'
import { paymentStatus, tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import { reauthoriseMovement, retryMovement, writeOffMovement } from '#subgraphs/payment/domain/worklist.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import {
  commandWithKey,
  euros,
  openPaymentsFixture,
  orderOf,
  type PaymentsFixture,
} from './payments-fixture.ts'

let databaseUrl: string
let fixture: PaymentsFixture
beforeAll(async () => {
  databaseUrl = await freshDatabase()
  fixture = await openPaymentsFixture(databaseUrl)
})
afterAll(() => fixture[Symbol.asyncDispose]())

function payOf({ orderId }: { orderId: string }): string {
  return siblingId('payment', orderId)
}
function authorise(order: AuthorisePayment, at: PaymentsFixture = fixture) {
  return at.payments.authorise(order, commandWithKey(`authorise:${order.orderId}`, { order: order.orderId }))
}
async function authorised(...tenders: [string, number][]): Promise<AuthorisePayment> {
  const order = orderOf(...tenders)
  expect(await authorise(order)).toMatchObject({ pending: false })
  return order
}
function move(
  kind: 'capture' | 'refund',
  { orderId }: AuthorisePayment,
  minor: number,
  key: string = newId('capture'),
) {
  return fixture.payments[kind](
    { orderId, amount: euros(minor) },
    commandWithKey(`${kind}:${key}`, { minor }),
  )
}
function letGo({ orderId }: { orderId: string }, at: PaymentsFixture = fixture, key = 'void') {
  return at.payments.void({ orderId }, commandWithKey(`${key}:${orderId}`))
}
/** A payment provider whose calls are answered by `sandbox` first, and by `then` in its place. */
function after(sandbox: PaymentProvider, then: () => Promise<never>): PaymentProvider {
  return {
    authorise: call => sandbox.authorise(call).then(then),
    capture: call => sandbox.capture(call).then(then),
    refund: call => sandbox.refund(call).then(then),
    void: call => sandbox.void(call).then(then),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  }
}
const lost = (): Promise<never> => Promise.reject(new CallerError('UNAVAILABLE', 'the answer got lost'))

describe('authorising', () => {
  test('an approved card takes two appends and one call to the provider, and nothing is read', async () => {
    const order = orderOf()
    const [head, calls, reads] = [await fixture.head(), fixture.asked.length, fixture.reads()]
    const answer = await authorise(order)
    expect(answer).toMatchObject({ pending: false, position: head + 3 })
    expect(fixture.reads()).toBe(reads)
    expect(fixture.asked.slice(calls)).toEqual(['authorise'])
    expect(await fixture.history(payOf(order))).toEqual([
      'PaymentRequested',
      'TenderAuthorised',
      'PaymentAuthorised',
    ])
  })

  test('twice gives the same result and one authorisation', async () => {
    const order = await authorised()
    const calls = fixture.asked.length
    expect(await authorise(order)).toMatchObject({ pending: false })
    expect(fixture.asked).toHaveLength(calls)
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ authorised: 10_000 }])
  })

  test('the same key with another body is a conflict', async () => {
    const order = await authorised()
    const again = fixture.payments.authorise(
      order,
      commandWithKey(`authorise:${order.orderId}`, { order: 'another' }),
    )
    await expect(again).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('eight times at once charges one authorisation', async () => {
    const order = orderOf(['tok_approve', 6_000], ['vch_gift', 4_000])
    const answers = await Promise.all(Array.from({ length: 8 }, () => authorise(order)))
    for (const answer of answers) expect(answer).toMatchObject({ pending: false })
    expect(await fixture.history(payOf(order))).toHaveLength(4)
    const moved = await fixture.sandbox.sums(payOf(order))
    expect(moved.map(({ operations }) => operations)).toEqual([['authorise'], ['authorise']])
  })

  test('a declined card is a refusal with `retryable`, also when repeated', async () => {
    const order = orderOf(['tok_insufficient_funds', 100])
    for (const _ of [1, 2])
      expect(await authorise(order)).toMatchObject({ refused: { code: 'PAYMENT_DECLINED', retryable: true } })
    expect(await fixture.history(payOf(order))).toEqual([
      'PaymentRequested',
      'TenderDeclined',
      'PaymentDeclined',
    ])
  })

  test('one declined tender voids the others', async () => {
    const order = orderOf(['tok_approve', 6_000], ['tok_decline', 4_000])
    expect(await authorise(order)).toMatchObject({ refused: { code: 'PAYMENT_DECLINED' } })
    const [first] = await fixture.sandbox.sums(payOf(order))
    expect(first).toMatchObject({ authorised: 6_000, voided: 6_000 })
    expect((await fixture.history(payOf(order))).at(-1)).toBe('TenderVoided')
  })

  test('a pending approval is returned at once', async () => {
    const order = orderOf(['tok_approval_never', 5_000])
    for (const _ of [1, 2]) expect(await authorise(order)).toMatchObject({ pending: true })
  })

  test('a provider that fails once is UNAVAILABLE, and the same key then continues', async () => {
    const order = orderOf(['tok_fail_once', 5_000], ['tok_approve', 1_000])
    await expect(authorise(order)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await fixture.history(payOf(order))).toEqual(['PaymentRequested', 'TenderAuthorised'])
    expect(await authorise(order)).toMatchObject({ pending: false })
    expect((await fixture.sandbox.sums(payOf(order))).map(({ operations }) => operations)).toEqual([
      ['authorise'],
      ['authorise'],
    ])
  })
})

describe('a crash between the provider and the record', () => {
  test('an authorisation whose response was lost is found by the next process, and made once', async () => {
    const order = orderOf()
    {
      await using crashing = await openPaymentsFixture(databaseUrl, sandbox => after(sandbox, lost))
      await expect(authorise(order, crashing)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect(await crashing.history(payOf(order))).toEqual(['PaymentRequested'])
    }
    await using next = await openPaymentsFixture(databaseUrl)
    expect(await authorise(order, next)).toMatchObject({ pending: false })
    expect(await next.sandbox.sums(payOf(order))).toMatchObject([
      { authorised: 10_000, operations: ['authorise'] },
    ])
  })

  test('a process that never recovers leaves nothing charged twice', async () => {
    const order = await authorised()
    const abandoned = await openPaymentsFixture(databaseUrl, sandbox =>
      after(sandbox, () => new Promise<never>(() => {})),
    )
    const { orderId } = order
    const context = commandWithKey(`capture:${orderId}`, { minor: 4_000 })
    void abandoned.payments.capture({ orderId, amount: euros(4_000) }, context)
    await expect.poll(async () => (await fixture.sandbox.sums(payOf(order)))[0]?.captured).toBe(4_000)
    await abandoned[Symbol.asyncDispose]()

    await using next = await openPaymentsFixture(databaseUrl)
    const answer = await next.payments.capture({ orderId, amount: euros(4_000) }, context)
    expect('payment' in answer && tenderTotals(answer.payment).captured).toBe(4_000)
    expect(await next.sandbox.sums(payOf(order))).toMatchObject([
      { captured: 4_000, operations: ['authorise', 'capture'] },
    ])
  })

  test('a payment that nobody repeats is finished by the sweep of any process', async () => {
    const order = orderOf()
    {
      await using crashing = await openPaymentsFixture(databaseUrl, sandbox => after(sandbox, lost))
      await authorise(order, crashing).catch(() => {})
    }
    expect(await fixture.payments.resume(payOf(order), {})).toBe(true)
    expect((await fixture.history(payOf(order))).at(-1)).toBe('PaymentAuthorised')
  })
})

describe('capturing', () => {
  test('takes two appends and one call per tender', async () => {
    const order = await authorised(['tok_approve', 6_000], ['vch_gift', 4_000])
    const calls = fixture.asked.length
    const answer = await move('capture', order, 5_000)
    expect('payment' in answer && answer.payment.tenders.map(({ captured }) => captured)).toEqual([
      1_000, 4_000,
    ])
    expect(fixture.asked.slice(calls)).toEqual(['capture', 'capture'])
    expect((await fixture.history(payOf(order))).slice(4)).toEqual([
      'CaptureRequested',
      'TenderCaptured',
      'TenderCaptured',
      'PaymentCaptured',
    ])
  })

  test('twice captures once', async () => {
    const order = await authorised()
    const first = await move('capture', order, 3_000, order.orderId)
    const second = await move('capture', order, 3_000, order.orderId)
    expect('payment' in first && 'payment' in second && second.payment).toEqual(
      'payment' in first && first.payment,
    )
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 3_000 }])
  })

  test('many times at once never exceeds the authorisation', async () => {
    const order = await authorised()
    const answers = await Promise.all(Array.from({ length: 6 }, () => move('capture', order, 3_000)))
    expect(answers.filter(answer => 'payment' in answer)).toHaveLength(3)
    for (const answer of answers)
      if ('refused' in answer) expect(answer.refused.code).toBe('CAPTURE_EXCEEDS_AUTHORISATION')
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 9_000 }])
  })

  test('gets the same refusal when repeated, even if it could succeed by then', async () => {
    const order = orderOf()
    const key = `early:${order.orderId}`
    expect(await move('capture', order, 100, key)).toMatchObject({ refused: { code: 'PAYMENT_NOT_FOUND' } })
    await authorise(order)
    expect(await move('capture', order, 100, key)).toMatchObject({ refused: { code: 'PAYMENT_NOT_FOUND' } })
  })
})

describe('refunding', () => {
  test('twice refunds once, and never more than was captured', async () => {
    const order = await authorised()
    await move('capture', order, 5_000)
    for (const _ of [1, 2]) {
      const answer = await move('refund', order, 2_000, order.orderId)
      expect('payment' in answer && paymentStatus(answer.payment)).toBe('PARTIALLY_REFUNDED')
    }
    expect(await move('refund', order, 3_001)).toMatchObject({ refused: { code: 'REFUND_EXCEEDS_CAPTURES' } })
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 5_000, refunded: 2_000 }])
  })
})

describe('voiding', () => {
  test('twice releases the uncaptured amount once', async () => {
    const order = await authorised()
    await move('capture', order, 4_000)
    for (const key of ['void', 'void', 'void-again']) {
      const { payment } = await letGo(order, fixture, key)
      expect(payment && paymentStatus(payment)).toBe('CAPTURED')
    }
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 4_000, voided: 6_000 }])
    expect(await move('capture', order, 1)).toMatchObject({ refused: { code: 'PAYMENT_VOIDED' } })
  })

  test('before any request succeeds, and a later request is refused', async () => {
    const order = orderOf()
    expect(await letGo(order)).toMatchObject({ payment: undefined })
    expect(await letGo(order)).toMatchObject({ payment: undefined })
    expect(await authorise(order)).toMatchObject({ refused: { code: 'PAYMENT_VOIDED' } })
    expect(await fixture.sandbox.sums(payOf(order))).toEqual([])
  })

  test('releases an authorisation that never got a response', async () => {
    const order = orderOf()
    {
      await using crashing = await openPaymentsFixture(databaseUrl, sandbox => after(sandbox, lost))
      await authorise(order, crashing).catch(() => {})
    }
    const { payment } = await letGo(order)
    expect(payment && paymentStatus(payment)).toBe('VOIDED')
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ authorised: 10_000, voided: 10_000 }])
  })

  test('wins against an authorisation under way: a late approval is voided under its own reference', async () => {
    const order = orderOf()
    const [reached, hold] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow = (sandbox: PaymentProvider): PaymentProvider => ({
      ...sandbox,
      async authorise(call) {
        const answer = await sandbox.authorise(call)
        reached.resolve()
        await hold.promise
        return answer
      },
    })
    await using other = await openPaymentsFixture(databaseUrl, slow)
    const authorising = authorise(order, other)
    await reached.promise
    await letGo(order)
    hold.resolve()
    expect(await authorising).toMatchObject({ refused: { code: 'PAYMENT_VOIDED' } })
    expect((await fixture.history(payOf(order))).slice(-2)).toEqual([
      'TenderApprovedLate',
      'LateApprovalVoided',
    ])
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ authorised: 10_000, voided: 10_000 }])
  })

  test('stays open without a response of the provider, refuses captures, and can be repeated', async () => {
    const order = await authorised()
    await using cut = await openPaymentsFixture(databaseUrl, sandbox => ({ ...sandbox, void: lost }))
    await expect(letGo(order, cut)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await move('capture', order, 1)).toMatchObject({ refused: { code: 'PAYMENT_VOIDED' } })
    const { payment } = await letGo(order)
    expect(payment && paymentStatus(payment)).toBe('VOIDED')
  })
})

describe('a notice of the provider', () => {
  function approval(order: AuthorisePayment, tenderId: string, id = `evt-${order.orderId}`) {
    return { id, type: 'payment.approved' as const, reference: payOf(order), tenderId, providerRef: 'bank-1' }
  }
  async function awaiting(): Promise<[AuthorisePayment, string]> {
    const order = orderOf(['tok_approval_never', 5_000])
    const answer = await authorise(order)
    const tenderId = 'payment' in answer ? answer.payment.tenders[0]?.tenderId : undefined
    if (!tenderId) throw new Error('nothing awaits an approval')
    return [order, tenderId]
  }

  test('authorises the pending tender, and changes nothing when it is repeated', async () => {
    const [order, tenderId] = await awaiting()
    await fixture.payments.recordNotice(approval(order, tenderId), {})
    const history = await fixture.history(payOf(order))
    expect(history.at(-1)).toBe('PaymentAuthorised')
    await fixture.payments.recordNotice(approval(order, tenderId), {})
    await fixture.payments.recordNotice(approval(order, tenderId, `other-${order.orderId}`), {})
    expect(await fixture.history(payOf(order))).toEqual(history)
    expect(await authorise(order)).toMatchObject({ pending: false })
  })

  test('is recorded after the void, and its approval is voided at the provider', async () => {
    const [order, tenderId] = await awaiting()
    await letGo(order)
    await fixture.payments.recordNotice(approval(order, tenderId), {})
    expect((await fixture.history(payOf(order))).slice(-2)).toEqual([
      'TenderApprovedLate',
      'LateApprovalVoided',
    ])
    const [moved] = await fixture.sandbox.sums(payOf(order))
    expect(moved?.operations).toEqual(['void', 'void'])
    expect(moved?.authorised).toBe(0)
  })

  test('about an unknown payment is NOT_FOUND and records nothing', async () => {
    const stranger = orderOf()
    const head = await fixture.head()
    const heard = fixture.payments.recordNotice(approval(stranger, newId('tender')), {})
    await expect(heard).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await fixture.head()).toBe(head)
  })
})

describe('a refused movement', () => {
  type Operator = 'retry' | 'reauthorise' | 'write off'
  function operate(
    what: Operator,
    order: AuthorisePayment,
    movementId: string,
    key: string,
    at: PaymentsFixture = fixture,
  ) {
    const command = { movementId, by: 'olga', at: new Date().toISOString() }
    const decide = (payment: Payment) => {
      if (what === 'retry') return retryMovement(payment, command)
      if (what === 'reauthorise') return reauthoriseMovement(payment, command)
      return writeOffMovement(payment, { ...command, note: 'paid at the counter' })
    }
    return at.payments.resolveMovement(
      { paymentId: payOf(order), movementId, decide },
      commandWithKey(`${key}:${movementId}`),
    )
  }
  function movementOf(answer: Awaited<ReturnType<typeof move>>): string {
    if (!('refused' in answer)) throw new Error('it was not refused')
    return answer.refused.movementId ?? ''
  }
  async function refusedCapture(token: string): Promise<[AuthorisePayment, string]> {
    const order = await authorised([token, 10_000])
    const answer = await move('capture', order, 6_000, `first-of-${order.orderId}`)
    expect(answer).toMatchObject({ refused: { code: 'CAPTURE_DECLINED', outstanding: euros(6_000) } })
    return [order, movementOf(answer)]
  }

  test('is named in the refusal, also of a repeat, which succeeds once the movement is settled', async () => {
    const [order, movementId] = await refusedCapture('tok_capture_declined')
    const again = () => move('capture', order, 6_000, `first-of-${order.orderId}`)
    expect(movementOf(await again())).toBe(movementId)
    expect(await operate('retry', order, movementId, 'one')).toMatchObject({
      movement: { status: 'SETTLED' },
    })
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 6_000 }])
    expect(await again()).not.toHaveProperty('refused')
  })

  test('moves money once when two operators retry it four times each at once', async () => {
    const [order, movementId] = await refusedCapture('tok_capture_declined')
    await using other = await openPaymentsFixture(databaseUrl)
    const tries = Array.from({ length: 8 }, (_, nth) =>
      operate('retry', order, movementId, `at-once-${nth}`, nth % 2 ? fixture : other),
    )
    const answers = await Promise.all(tries)
    expect(answers.filter(answer => 'movement' in answer)).toHaveLength(1)
    for (const answer of answers)
      if ('refused' in answer)
        expect(['MOVEMENT_UNDER_WAY', 'MOVEMENT_CLOSED']).toContain(answer.refused.code)
    const [moved] = await fixture.sandbox.sums(payOf(order))
    expect(moved).toMatchObject({ captured: 6_000, operations: ['authorise', 'capture'] })
  })

  test('is retried once per key, with the same result', async () => {
    const [order, movementId] = await refusedCapture('tok_capture_declined_3')
    const calls = fixture.asked.length
    for (const _ of [1, 2])
      expect(await operate('retry', order, movementId, 'twice')).toMatchObject({
        movement: { status: 'OPEN', tries: 2, underWay: false },
      })
    expect(fixture.asked.slice(calls)).toEqual(['capture'])
  })

  test('stays under way when its response is lost, and the sweep finishes it without moving money twice', async () => {
    const [order, movementId] = await refusedCapture('tok_capture_declined')
    await using broken = await openPaymentsFixture(databaseUrl, sandbox => after(sandbox, lost))
    await expect(operate('retry', order, movementId, 'lost', broken)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(await operate('retry', order, movementId, 'meanwhile')).toMatchObject({
      refused: { code: 'MOVEMENT_UNDER_WAY' },
    })
    expect(await fixture.payments.resume(payOf(order), { actor: 'service:payment' })).toBe(true)
    expect(await operate('retry', order, movementId, 'lost')).toMatchObject({
      movement: { status: 'SETTLED' },
    })
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 6_000 }])
  })

  test('is authorised anew when its authorisation has expired, and again when an operator requests it', async () => {
    const order = await authorised(['tok_capture_expired_2', 10_000])
    const movementId = movementOf(await move('capture', order, 6_000))
    expect(await operate('reauthorise', order, movementId, 'anew')).toMatchObject({
      movement: { status: 'SETTLED' },
    })
    const moved = await fixture.sandbox.sums(payOf(order))
    expect(moved.reduce((sum, { captured }) => sum + captured, 0)).toBe(6_000)
    const held = moved.reduce((sum, { authorised, voided }) => sum + authorised - voided, 0)
    expect(held).toBe(10_000)
  })

  test('needs no operator when the new authorisation is approved', async () => {
    const order = await authorised(['tok_expires_30', 10_000])
    expect(await move('capture', order, 6_000)).not.toHaveProperty('refused')
    expect(await fixture.history(payOf(order))).toEqual([
      ...['PaymentRequested', 'TenderAuthorised', 'PaymentAuthorised', 'CaptureRequested'],
      ...[
        'ReauthorisationRequested',
        'TenderAuthorised',
        'TenderCaptured',
        'TenderVoided',
        'PaymentCaptured',
      ],
    ])
  })

  test.each([
    ['tok_capture_partial', { captured: 3_000, refunded: 0 }, 'partial_capture'],
    ['tok_reauthorise_declined', { captured: 0, refunded: 0 }, 'insufficient_funds'],
  ])('of %s records the amount that was really captured', async (token, sums, code) => {
    const order = await authorised([token, 10_000])
    const answer = await move('capture', order, 6_000)
    expect(answer).toMatchObject({ refused: { reason: code } })
    expect((await fixture.sandbox.sums(payOf(order)))[0]).toMatchObject(sums)
  })

  test('does not arise when too much was captured: the excess is refunded', async () => {
    const order = await authorised(['tok_capture_excess', 10_000])
    const answer = await move('capture', order, 6_000)
    expect(answer).not.toHaveProperty('refused')
    expect('payment' in answer && tenderTotals(answer.payment)).toEqual({
      authorised: 10_000,
      captured: 9_000,
      refunded: 3_000,
    })
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ captured: 9_000, refunded: 3_000 }])
  })

  test('does not block the order when it is a void, and is retried', async () => {
    const order = await authorised(['tok_void_declined', 10_000])
    expect(await letGo(order)).toMatchObject({ payment: { phase: 'voided' } })
    const movementId = siblingId('void', (await fixture.sandbox.sums(payOf(order)))[0]?.tenderId ?? '')
    expect(await operate('retry', order, movementId, 'void')).toMatchObject({
      movement: { status: 'SETTLED' },
    })
    expect(await fixture.sandbox.sums(payOf(order))).toMatchObject([{ authorised: 10_000, voided: 10_000 }])
  })

  test('is dropped by the void of the payment, and cannot be retried', async () => {
    const [order, movementId] = await refusedCapture('tok_capture_declined')
    expect(await letGo(order)).toMatchObject({ payment: { phase: 'voided' } })
    expect(await operate('retry', order, movementId, 'late')).toMatchObject({
      refused: { code: 'MOVEMENT_CLOSED' },
    })
  })

  test.each(['tok_authorise_less', 'tok_authorise_more', 'tok_authorise_currency'])(
    '%s is declined, and its authorisation is voided',
    async token => {
      const order = orderOf([token, 10_000])
      expect(await authorise(order)).toMatchObject({ refused: { code: 'PAYMENT_DECLINED' } })
      const [moved] = await fixture.sandbox.sums(payOf(order))
      expect(moved?.authorised).toBe(moved?.voided)
      expect(moved?.authorised).toBeGreaterThan(0)
    },
  )
})
