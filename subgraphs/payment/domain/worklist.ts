// Decides the operators' commands on a refused movement: retry, reauthorise, write off.
import { accept, type Decision, type Refusal, refuse } from '#platform/domain/decision.ts'
import { captureShares, reauthoriseExpiring, refundShares } from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent, RequestedTender, Share } from '#subgraphs/payment/domain/events.ts'
import { entryOf } from '#subgraphs/payment/domain/outstanding.ts'
import { advance, isStanding, type Payment, type StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import { reauthorise } from '#subgraphs/payment/domain/reauthorisation.ts'
import { isRepeatable, type RefusedMovement } from '#subgraphs/payment/domain/refused-movement.ts'

type WorklistDecision = Decision<PaymentEvent, Refusal>

/** `by` is the subject of the operator's token. */
type OperatorCommand = { readonly movementId: string; readonly by: string; readonly at: string }
type Reauthorise = OperatorCommand & { readonly token?: Pick<RequestedTender, 'kind' | 'token'> }
type WriteOff = OperatorCommand & { readonly note: string }

/** The most tenders of one payment; each new authorisation adds one. */
const MAX_TENDERS = 100

/** Requests the refused movement again, from any tender that has room for it now. */
export function retryMovement(payment: Payment, command: OperatorCommand): WorklistDecision {
  const found = repeatable(payment, command.movementId)
  if ('refused' in found) return found
  const { standing, entry } = found
  const shares = sharesOf(standing, entry)
  if (!shares) return noRoom(entry)
  const retried = retry(found, shares, command)
  const now = advance(standing, retried)
  return accept(retried, ...reauthoriseExpiring(now, entry.id, command.at))
}

/** Requests a new authorisation, with the tenders' own tokens unless one is given, and the capture under it. */
export function reauthoriseMovement(payment: Payment, command: Reauthorise): WorklistDecision {
  const found = repeatable(payment, command.movementId)
  if ('refused' in found) return found
  const { standing, entry } = found
  if (entry.kind !== 'CAPTURE')
    return no(
      'NOT_A_CAPTURE',
      'only a refused capture can be made under a new authorisation: retry the movement',
    )
  const { token, by, at } = command
  const retried = retry(found, entry.shares, command)
  const groups = token ? [retried.data.shares] : retried.data.shares.map(share => [share])
  if (standing.tenders.length + groups.length > MAX_TENDERS)
    return no(
      'TOO_MANY_AUTHORISATIONS',
      `this payment has been authorised ${MAX_TENDERS} times: write it off`,
    )
  const requests = groups.map(group => {
    const shares = group.map(({ tenderId, amount }) => ({ tenderId, amount: amount.minor }))
    return { movementId: entry.id, shares, by, at, ...(token && { token }) }
  })
  return accept<PaymentEvent>(retried, ...reauthorise(advance(standing, retried), requests))
}

/** Closes the entry with the operator's note. Every open entry may be written off. */
export function writeOffMovement(payment: Payment, command: WriteOff): WorklistDecision {
  const found = findOpen(payment, command.movementId)
  if ('refused' in found) return found
  const { standing, entry } = found
  const { movementId, by, note, at } = command
  const { orderId } = standing
  const { kind, amount } = entry
  return accept({ type: 'MovementWrittenOff', data: { orderId, movementId, kind, amount, by, note, at } })
}

type OpenMovement = { readonly standing: StandingPayment; readonly entry: RefusedMovement }

function findOpen(payment: Payment, movementId: string): OpenMovement | { readonly refused: Refusal } {
  const standing = isStanding(payment) ? payment : undefined
  const entry = standing && entryOf(standing, movementId)
  if (!standing || !entry)
    return no('MOVEMENT_NOT_FOUND', 'the payment of this order has no such refused movement')
  if (entry.status !== 'OPEN')
    return no('MOVEMENT_CLOSED', `the movement is closed already: ${CLOSED[entry.status]}`)
  if (entry.underWay)
    return no('MOVEMENT_UNDER_WAY', 'the movement is being tried again: wait until the provider has answered')
  return { standing, entry }
}

const CLOSED = { SETTLED: 'it was settled', WRITTEN_OFF: 'it was written off', DROPPED: 'it was dropped' }

function repeatable(payment: Payment, movementId: string): OpenMovement | { readonly refused: Refusal } {
  const found = findOpen(payment, movementId)
  if ('refused' in found || isRepeatable(found.entry)) return found
  return no(
    'MOVEMENT_NOT_REPEATABLE',
    'money may have moved already: ask the provider what happened, then write the movement off with a note',
  )
}

function sharesOf(payment: StandingPayment, { kind, amount }: RefusedMovement): Share[] | undefined {
  switch (kind) {
    case 'CAPTURE':
      return captureShares(payment, amount)
    case 'REFUND':
      return refundShares(payment, amount)
    case 'VOID':
      return []
  }
}

function noRoom({ kind }: RefusedMovement): { readonly refused: Refusal } {
  return kind === 'CAPTURE'
    ? no('AUTHORISATION_GONE', 'less than that is still authorised: make it under a new authorisation')
    : no('REFUND_EXCEEDS_CAPTURES', 'more than that has been refunded by now: write the movement off')
}

function retry({ standing, entry }: OpenMovement, shares: readonly Share[], { by, at }: OperatorCommand) {
  const { orderId } = standing
  const { id: movementId, kind, amount } = entry
  return {
    type: 'MovementRetried',
    data: { orderId, movementId, kind, amount, by, shares, at },
  } as const
}

function no(code: string, message: string): { readonly refused: Refusal } {
  return refuse({ code, message })
}
