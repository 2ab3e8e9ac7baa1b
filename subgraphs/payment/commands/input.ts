// Checks what service commands bring with them, before anything is stored. Throws CallerError BAD_USER_INPUT.
import { CallerError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'
import type { Money } from '#platform/domain/money.ts'
import { type MoneyText, moneyIn } from '#platform/graphql/scalars.ts'
import type {
  AuthorisePaymentInput,
  MovePaymentInput,
  ReauthoriseTenderInput,
  VoidPaymentInput,
} from '#schema/generated/payment.ts'
import type { AuthoriseCommand, MoveCommand } from './payments.ts'

const MAX_TENDERS = 20
const MAX_TEXT = 200
const MAX_NOTE = 500
/** ISO/IEC 7812: 12 to 19 digits, however they are grouped. */
const CARD_NUMBER = /^\d(?:[ .-]?\d){11,18}$/

export function authoriseCommand(input: AuthorisePaymentInput): AuthoriseCommand {
  if (input.tenders.length < 1 || input.tenders.length > MAX_TENDERS)
    throw bad('tenders', `1 to ${MAX_TENDERS} of them`, `${input.tenders.length}`)
  return {
    orderId: orderIn(input.orderId),
    customerId: textIn('customerId', input.customerId),
    amount: amountIn('amount', input.amount),
    tenders: input.tenders.map(({ kind, token, amount }, index) => ({
      kind,
      token: tokenIn(`tenders[${index}].token`, token),
      amount: amountIn(`tenders[${index}].amount`, amount),
    })),
  }
}

export function moveCommand(input: MovePaymentInput): MoveCommand {
  return { orderId: orderIn(input.orderId), amount: amountIn('amount', input.amount) }
}

export function voidCommand(input: VoidPaymentInput): { orderId: string } {
  return { orderId: orderIn(input.orderId) }
}

export function tenderIn({ kind, token }: ReauthoriseTenderInput): ReauthoriseTenderInput {
  return { kind, token: tokenIn('tender.token', token) }
}

export function movementIdIn(id: string): string {
  return textIn('movementId', id)
}

export function noteIn(note: string): string {
  return textIn('note', note.trim(), MAX_NOTE)
}

/** How many items a page may have: 1 to 100. */
export function firstIn(first: number | null | undefined): number {
  const wanted = first ?? 20
  if (wanted < 1 || wanted > 100) throw bad('first', 'a whole number from 1 to 100', `${wanted}`)
  return wanted
}

export function keyIn(idempotencyKey: string): string {
  return textIn('idempotencyKey', idempotencyKey)
}

export function paymentIdIn(id: string): string {
  if (!isId('payment', id)) throw bad('id', 'a payment id such as pay_0190a5b2-…', JSON.stringify(shown(id)))
  return id
}

export function orderIn(id: string): string {
  if (!isId('order', id))
    throw bad('orderId', 'an order id such as ord_0190a5b2-…', JSON.stringify(shown(id)))
  return id
}

function textIn(field: string, text: string, most = MAX_TEXT): string {
  if (text.length < 1 || text.length > most) throw bad(field, `1 to ${most} characters`, `${text.length}`)
  return text
}

/** What it holds is never repeated: it may be a card number. */
function tokenIn(field: string, token: string): string {
  if (CARD_NUMBER.test(token.trim()))
    throw bad(field, "the payment provider's token for the card", 'what looks like a card number')
  return textIn(field, token)
}

function amountIn(field: string, text: MoneyText): Money {
  const money = moneyIn(text)
  if (money.minor <= 0) throw bad(field, 'an amount above zero', text.amount)
  return money
}

function bad(field: string, expected: string, got: string): CallerError {
  return new CallerError('BAD_USER_INPUT', `${field} should be ${expected}, not ${got}`, { field })
}

function shown(text: string): string {
  return text.slice(0, 60)
}
