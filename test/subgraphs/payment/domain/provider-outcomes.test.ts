// Tests the table of docs/reference/provider-outcomes.md: executes every step with every kind of response, and compares the page.
import { describe, expect, test } from 'vitest'
import { toDecimal } from '#platform/domain/money.ts'
import { authorisationResult, isFullyVoided, movementResult } from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { operationKey, outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import type { StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { readText } from '#test/deploy/files.ts'
import { AT, eur, fold, standing } from './payment-fixture.ts'
import {
  after,
  CAPTURING,
  captures,
  DECLINED,
  GIVEN,
  ROWS,
  type Row,
  type Step,
} from './provider-outcomes.ts'

function commandResult(step: Step, payment: StandingPayment): string {
  if (step === 'void' || step === 'void, late approval') return isFullyVoided(payment) ? 'done' : 'waits'
  if (step === 'authorise') {
    const answer = authorisationResult(payment)
    if (!answer) return 'waits'
    return 'refused' in answer ? answer.refused.code : answer.pending ? 'pending' : 'done'
  }
  const [kind, id] = step === 'refund' ? (['refund', 'ref_1'] as const) : (['capture', 'cap_1'] as const)
  const answer = movementResult(payment, kind, id)
  if (answer === undefined || answer === 'done') return answer ?? 'waits'
  return answer.refused.code
}

function worklist({ refused }: StandingPayment): string | undefined {
  const open = refused.filter(({ status }) => status === 'OPEN')
  return open.map(({ kind, amount, code }) => `${kind} ${toDecimal(amount)} ${code}`).join(', ') || undefined
}

describe('every step with every kind of response', () => {
  test.each(ROWS.map(row => [row.step, row.response, row] as const))('%s: %s', (_, __, row) => {
    const given = row.given ?? GIVEN[row.step]
    const history = row.answer ? after(given, row.answer) : [...given]
    expect(history.slice(given.length).map(event => event.type)).toEqual(row.events)
    const payment = standing(history)
    expect(commandResult(row.step, payment)).toBe(row.commandResult)
    expect(worklist(payment)).toBe(row.entry)
  })

  test.each(ROWS.map(row => [row.step, row.response, row] as const))(
    '%s: %s, repeated, changes nothing more',
    (_, __, { step, given = GIVEN[step], answer }) => {
      if (!answer) return
      const once = after(given, answer)
      expect(after(once, answer)).toEqual(once)
    },
  )

  test('an operation without a response is repeated under the same key, and a retry has another key', () => {
    const [first] = outstanding(fold(CAPTURING))
    expect(outstanding(fold(after(CAPTURING)))).toEqual([first])
    const refusedOnce = after(CAPTURING, captures(DECLINED))
    const retried: PaymentEvent = {
      type: 'MovementRetried',
      data: {
        ...{ orderId: 'ord_1', movementId: 'cap_1', kind: 'CAPTURE', amount: eur(6_000), by: 'olga', at: AT },
        shares: [{ tenderId: 't1', amount: eur(6_000) }],
      },
    }
    const [second] = outstanding(fold([...refusedOnce, retried]))
    if (!first || !second) throw new Error('nothing is outstanding')
    expect(operationKey('pay_1', second)).not.toBe(operationKey('pay_1', first))
    expect(after([...refusedOnce, retried], captures(DECLINED))).toHaveLength(refusedOnce.length + 1)
  })

  test('the page shows exactly these rows', () => {
    const page = readText('docs/reference/provider-outcomes.md')
    const shown = page.split('\n').filter(line => /^\| (authorise|capture|refund|void)/.test(line))
    expect(shown).toEqual(ROWS.map(markdown))
  })
})

function markdown({ step, response, events, commandResult, entry }: Row): string {
  const cells = [
    step,
    response,
    events.map(type => `\`${type}\``).join(' ') || 'none',
    commandResult,
    entry ?? 'none',
  ]
  return `| ${cells.join(' | ')} |`
}
