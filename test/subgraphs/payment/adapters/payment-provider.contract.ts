// Defines the contract of every payment provider adapter, by the sandbox's test tokens.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type {
  AuthoriseCall,
  MoveCall,
  PaymentProvider,
} from '#subgraphs/payment/adapters/payment-provider.ts'

/** `provider` is under test; `sums` are what was really moved for a reference, in minor units. */
type ProviderUnderTest = AsyncDisposable & {
  readonly provider: PaymentProvider
  sums(reference: string): Promise<readonly Moved[]>
}
type Moved = {
  readonly tenderId: string
  readonly authorised: number
  readonly captured: number
  readonly voided: number
  readonly refunded: number
}

function approved(minor: number) {
  return { status: 'approved', amount: { minor, currency: 'EUR' } }
}

export function providerContract(adapter: string, open: () => Promise<ProviderUnderTest>): void {
  describe(`payment provider contract: ${adapter}`, () => {
    let opened: ProviderUnderTest
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(() => opened[Symbol.asyncDispose]())

    function tender() {
      const [reference, tenderId] = [newId('payment'), newId('tender')]
      const call = (minor: number): MoveCall => ({
        idempotencyKey: randomUUID(),
        reference,
        tenderId,
        amount: { minor, currency: 'EUR' },
      })
      const authorisation = (token: string, minor = 5_000): AuthoriseCall => ({
        ...call(minor),
        kind: 'CARD',
        token,
      })
      const moved = async () => (await opened.sums(reference))[0]
      return { reference, tenderId, call, authorisation, moved }
    }

    test('an approved authorisation has a reference of its own, the same for every repeat', async () => {
      const { authorisation, moved } = tender()
      const call = authorisation('tok_approve')
      const answers = await Promise.all([1, 2, 3].map(() => opened.provider.authorise(call)))
      expect(answers[0]).toMatchObject({ status: 'approved', providerRef: expect.any(String) })
      expect(new Set(answers.map(answer => JSON.stringify(answer))).size).toBe(1)
      expect(await moved()).toMatchObject({ authorised: 5_000 })
    })

    test.each([
      ['tok_decline', 'card_declined', false],
      ['tok_insufficient_funds', 'insufficient_funds', true],
      ['tok_something_else', 'unknown_token', false],
      ['vch_small_4999', 'voucher_too_small', false],
    ])('%s is declined as %s', async (token, code, retryable) => {
      const call = tender().authorisation(token)
      const declined = { status: 'declined', code, retryable }
      expect(await opened.provider.authorise(call)).toEqual(declined)
      expect(await opened.provider.authorise(call)).toEqual(declined)
    })

    test.each(['vch_any', 'vch_exactly_5000'])('the voucher %s covers 5000', async token => {
      expect(await opened.provider.authorise(tender().authorisation(token))).toMatchObject({
        status: 'approved',
      })
    })

    test.each(['tok_approval', 'tok_approval_never', 'slip_1'])(
      '%s has to wait for an approval',
      async token => {
        const { authorisation, moved } = tender()
        expect(await opened.provider.authorise(authorisation(token))).toMatchObject({ status: 'pending' })
        expect(await moved()).toBeUndefined()
      },
    )

    test('a failed call can be repeated under its key', async () => {
      const { authorisation, moved } = tender()
      const call = authorisation('tok_fail_once')
      await expect(opened.provider.authorise(call)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect(await opened.provider.authorise(call)).toMatchObject({ status: 'approved' })
      expect(await moved()).toMatchObject({ authorised: 5_000 })
    })

    test('a provider that is down throws UNAVAILABLE', async () => {
      const call = tender().authorisation('tok_down')
      await expect(opened.provider.authorise(call)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    })

    test('a call without a response can be aborted, and its authorisation may stand all the same', async () => {
      const { authorisation, call, moved } = tender()
      const waiting = opened.provider.authorise(authorisation('tok_timeout'), AbortSignal.timeout(100))
      await expect(waiting).rejects.toThrow()
      await opened.provider.void(call(0))
      const after = await moved()
      expect(after?.authorised).toBe(after?.voided)
    })

    test('captures and refunds are carried out once per key, and never exceed the available amount', async () => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation('tok_approve'))
      const [capture, refund] = [call(3_000), call(2_000)]
      for (const _ of [1, 2]) expect(await opened.provider.capture(capture)).toEqual(approved(3_000))
      expect(await opened.provider.capture(call(2_001))).toMatchObject({ status: 'declined' })
      for (const _ of [1, 2]) expect(await opened.provider.refund(refund)).toEqual(approved(2_000))
      expect(await opened.provider.refund(call(1_001))).toMatchObject({ status: 'declined' })
      expect(await moved()).toMatchObject({ authorised: 5_000, captured: 3_000, refunded: 2_000 })
    })

    test('the same key at the same moment moves money once', async () => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation('tok_approve'))
      const capture = call(5_000)
      const answers = await Promise.all(Array.from({ length: 8 }, () => opened.provider.capture(capture)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['approved']))
      expect(await moved()).toMatchObject({ captured: 5_000 })
    })

    test('an authorisation and its void at the same moment leave nothing held', async () => {
      const tenders = Array.from({ length: 16 }, tender)
      await Promise.all(
        tenders.flatMap(({ authorisation, call }) => [
          opened.provider.authorise(authorisation('tok_approve')),
          opened.provider.void(call(0)),
        ]),
      )
      for (const { moved } of tenders) {
        const after = await moved()
        expect(after?.authorised).toBe(after?.voided)
      }
    })

    test('different captures at the same moment never exceed the authorisation', async () => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation('tok_approve'))
      const answers = await Promise.all(Array.from({ length: 8 }, () => opened.provider.capture(call(2_000))))
      expect(answers.filter(({ status }) => status === 'approved')).toHaveLength(2)
      expect(await moved()).toMatchObject({ captured: 4_000 })
    })

    test('a void releases the uncaptured amount, and nothing is captured after it', async () => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation('tok_approve'))
      await opened.provider.capture(call(2_000))
      const letGo = call(0)
      await opened.provider.void(letGo)
      await opened.provider.void(letGo)
      expect(await moved()).toMatchObject({ authorised: 5_000, captured: 2_000, voided: 3_000 })
      expect(await opened.provider.capture(call(1))).toMatchObject({ status: 'declined' })
    })

    test('an authorisation after its void is declined', async () => {
      const { authorisation, call, moved } = tender()
      await opened.provider.void(call(0))
      expect(await opened.provider.authorise(authorisation('tok_approve'))).toMatchObject({
        status: 'declined',
      })
      expect((await moved())?.authorised).toBe(0)
    })

    test('a void of one authorisation leaves another alone', async () => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation('tok_approve'))
      await opened.provider.void({ ...call(0), providerRef: 'some-other-authorisation' })
      expect(await moved()).toMatchObject({ authorised: 5_000, voided: 0 })
      expect(await opened.provider.capture(call(5_000))).toEqual(approved(5_000))
    })

    test.each([
      ['tok_capture_declined', 'declined', false],
      ['tok_capture_retryable', 'try_again_later', true],
      ['tok_capture_expired', 'authorisation_expired', false],
    ])(
      '%s refuses a capture as %s, for ever under its key, and takes the next',
      async (token, code, retryable) => {
        const { authorisation, call, moved } = tender()
        await opened.provider.authorise(authorisation(token))
        const refused = call(2_000)
        for (const _ of [1, 2])
          expect(await opened.provider.capture(refused)).toEqual({ status: 'declined', code, retryable })
        expect(await opened.provider.capture(call(2_000))).toEqual(approved(2_000))
        expect(await moved()).toMatchObject({ captured: 2_000 })
      },
    )

    test('a number at the end of a token sets how often it is declined', async () => {
      const { authorisation, call } = tender()
      await opened.provider.authorise(authorisation('tok_capture_declined_3'))
      for (const _ of [1, 2, 3])
        expect(await opened.provider.capture(call(10))).toMatchObject({ status: 'declined' })
      expect(await opened.provider.capture(call(10))).toMatchObject({ status: 'approved' })
    })

    test.each([
      ['tok_capture_partial', 1_000],
      ['tok_capture_excess', 3_000],
    ])('%s returns the amount that a capture of 2000 really moved, %i', async (token, taken) => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation(token))
      expect(await opened.provider.capture(call(2_000))).toEqual(approved(taken))
      expect(await moved()).toMatchObject({ captured: taken })
    })

    test.each([
      ['tok_refund_declined', { status: 'declined', code: 'declined', retryable: false }, 0],
      ['tok_refund_retryable', { status: 'declined', code: 'try_again_later', retryable: true }, 0],
      ['tok_refund_partial', approved(500), 500],
      ['tok_refund_excess', approved(1_500), 1_500],
    ])('%s returns the amount that a refund of 1000 really moved', async (token, answer, refunded) => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation(token))
      await opened.provider.capture(call(2_000))
      expect(await opened.provider.refund(call(1_000))).toEqual(answer)
      expect(await moved()).toMatchObject({ refunded })
      expect(await opened.provider.refund(call(500))).toEqual(approved(500))
    })

    test.each([
      ['tok_void_declined', 'declined'],
      ['tok_void_expired', 'authorisation_expired'],
      ['tok_void_captured', 'already_captured'],
    ])('%s refuses a void as %s, and carries out the next', async (token, code) => {
      const { authorisation, call, moved } = tender()
      await opened.provider.authorise(authorisation(token))
      const refused = call(0)
      for (const _ of [1, 2])
        expect(await opened.provider.void(refused)).toEqual({ status: 'declined', code, retryable: false })
      expect(await moved()).toMatchObject({ authorised: 5_000, voided: 0 })
      expect(await opened.provider.void(call(0))).toEqual({ status: 'approved' })
      expect(await moved()).toMatchObject({ authorised: 5_000, voided: 5_000 })
    })

    test.each([
      ['tok_authorise_less', { minor: 2_500, currency: 'EUR' }],
      ['tok_authorise_more', { minor: 10_000, currency: 'EUR' }],
      ['tok_authorise_currency', { minor: 5_000, currency: 'CHF' }],
    ])('%s returns the amount that it authorised instead of 5000', async (token, amount) => {
      expect(await opened.provider.authorise(tender().authorisation(token))).toMatchObject({
        status: 'approved',
        amount,
      })
    })

    test('an authorisation names its expiry, and nothing is captured under it from then on', async () => {
      const { authorisation, call } = tender()
      const before = Date.now()
      const answer = await opened.provider.authorise(authorisation('tok_expires_0'))
      if (answer.status !== 'approved') throw new Error('the authorisation was not approved')
      expect(Date.parse(answer.expiresAt ?? '')).toBeGreaterThanOrEqual(before)
      expect(await opened.provider.capture(call(1))).toMatchObject({
        status: 'declined',
        code: 'authorisation_expired',
      })
      const lasting = tender()
      await opened.provider.authorise(lasting.authorisation('tok_expires_3600'))
      expect(await opened.provider.capture(lasting.call(1))).toMatchObject({ status: 'approved' })
    })
  })
}
