// Checks the input of payment's commands and converts it to domain types.
import type { Money } from '#platform/domain/money.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'
import {
  checkCount,
  checkId,
  checkMoney,
  checkText,
  checkToken,
  malformed,
} from '#platform/subgraph/input.ts'
import type {
  AuthorisePaymentInput,
  MovePaymentInput,
  ReauthoriseTenderInput,
  VoidPaymentInput,
} from '#schema/generated/payment.ts'
import type { AuthorisePayment, MovePayment } from '#subgraphs/payment/commands/payments.ts'

const MAX_TENDERS = 20
const MAX_ID = 200
const MAX_NOTE = 500

export function readAuthorisation(input: AuthorisePaymentInput): AuthorisePayment {
  return {
    orderId: checkId('orderId', 'order', input.orderId),
    customerId: checkText('customerId', input.customerId, MAX_ID),
    amount: checkAmount('amount', input.amount),
    tenders: checkCount('tenders', input.tenders, { min: 1, max: MAX_TENDERS }).map(
      ({ kind, token, amount }, index) => ({
        kind,
        token: checkToken(`tenders[${index}].token`, token),
        amount: checkAmount(`tenders[${index}].amount`, amount),
      }),
    ),
  }
}

export function readMovement(input: MovePaymentInput): MovePayment {
  return {
    orderId: checkId('orderId', 'order', input.orderId),
    amount: checkAmount('amount', input.amount),
  }
}

export function readVoid(input: VoidPaymentInput): { orderId: string } {
  return { orderId: checkId('orderId', 'order', input.orderId) }
}

export function readTender({ kind, token }: ReauthoriseTenderInput): ReauthoriseTenderInput {
  return { kind, token: checkToken('tender.token', token) }
}

/** Returns the id as it came: movements are looked up by it. */
export function readMovementId(id: string): string {
  return id.length > 0 && id.length <= MAX_ID ? id : malformed('movementId', `1 to ${MAX_ID} characters`, id)
}

export function readNote(note: string): string {
  return checkText('note', note, MAX_NOTE)
}

function checkAmount(field: string, amount: MoneyText): Money {
  return checkMoney(field, amount, 1)
}
