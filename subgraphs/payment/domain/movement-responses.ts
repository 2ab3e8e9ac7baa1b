// Decides which events follow from the provider's responses to captures and refunds.
import { siblingId } from '#platform/domain/ids.ts'
import type { Money } from '#platform/domain/money.ts'
import type { Declined } from '#subgraphs/payment/domain/authorisation-responses.ts'
import { entryOf } from '#subgraphs/payment/domain/outstanding.ts'
import {
  type LaterEvent,
  type Move,
  money,
  movesOf,
  type OpenShare,
  type ProviderRefusal,
  type StandingPayment,
  type Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { reauthorise } from '#subgraphs/payment/domain/reauthorisation.ts'
import { AUTHORISATION_EXPIRED, CONTRADICTION } from '#subgraphs/payment/domain/refused-movement.ts'

/** `amount` is the amount that the provider reports as moved; without it, the requested amount was moved. */
export type MovementResponse = {
  readonly to: 'capture' | 'refund'
  readonly moveId: string
  /** The number of the try, when it is not the first. A response to an earlier try changes nothing. */
  readonly attempt?: number
  readonly tenderId: string
  readonly said: { readonly status: 'approved'; readonly amount?: Money } | Declined
}

type Kind = MovementResponse['to']

/** Records the amount that really moved. An excess is refunded, or becomes an entry on the operators' worklist. */
export function movement(
  payment: StandingPayment,
  tender: Tender,
  { response, at }: { readonly response: MovementResponse; readonly at: string },
): LaterEvent[] {
  const { to, moveId, said } = response
  const share = movesOf(payment, to)
    .find(({ id }) => id === moveId)
    ?.shares.find(({ tenderId }) => tenderId === tender.tenderId)
  if (!share || said.status !== 'approved' || !isOfThisTry(payment, response)) return []
  const moved = said.amount ?? money(payment, share.amount)
  if (moved.currency !== payment.currency || moved.minor === 0) return []
  const excess = moved.minor - share.amount
  const nth = response.attempt === undefined ? '' : `-${response.attempt}`
  const excessId = `-excess-${payment.tenders.indexOf(tender) + 1}${nth}`
  const about = { payment, tender, moveId, excessId, at }
  return to === 'capture' ? captured(about, moved.minor, excess) : refunded(about, moved.minor, excess)
}

type About = {
  readonly payment: StandingPayment
  readonly tender: Tender
  readonly moveId: string
  /** The end of the id of a movement of the excess. */
  readonly excessId: string
  readonly at: string
}

function isOfThisTry(payment: StandingPayment, { moveId, attempt = 1 }: MovementResponse): boolean {
  return attempt === (entryOf(payment, moveId)?.tries ?? 0) + 1
}

function captured(
  { payment, tender, moveId, excessId, at }: About,
  minor: number,
  excess: number,
): LaterEvent[] {
  const { tenderId } = tender
  const taken: LaterEvent = {
    type: 'TenderCaptured',
    data: { captureId: moveId, tenderId, amount: money(payment, minor), at },
  }
  if (excess <= 0) return [taken]
  const amount = money(payment, excess)
  const refundId = `${siblingId('refund', moveId)}${excessId}`
  return [taken, { type: 'RefundRequested', data: { refundId, amount, shares: [{ tenderId, amount }], at } }]
}

/** Records no larger refund than was captured: the rest of an excess is recorded only in the worklist entry. */
function refunded(
  { payment, tender, moveId, excessId, at }: About,
  minor: number,
  excess: number,
): LaterEvent[] {
  const { tenderId } = tender
  const amount = money(payment, Math.min(minor, tender.captured - tender.refunded))
  const given: LaterEvent = { type: 'TenderRefunded', data: { refundId: moveId, tenderId, amount, at } }
  if (excess <= 0) return [given]
  return [
    given,
    {
      type: 'MovementRefused',
      data: {
        orderId: payment.orderId,
        movementId: `${moveId}${excessId}`,
        kind: 'REFUND',
        amount: money(payment, excess),
        code: CONTRADICTION.excessRefund,
        retryable: false,
        shares: [],
        at,
      },
    },
  ]
}

/**
 * Requests a new authorisation for a capture whose own has expired, once per share: goods may have left. A payment that is
 * being voided is not authorised again.
 */
export function reauthorisations(
  payment: StandingPayment,
  responses: readonly MoveOrOther[],
  at: string,
): LaterEvent[] {
  if (payment.phase === 'voiding') return []
  const current = responses.filter(response => isOfOpenTry(payment, response))
  const requests = payment.captures.flatMap(move =>
    move.shares
      .filter(share => {
        const refusal = refusalOf({ kind: 'capture', move, responses: current }, share)
        return refusal?.code === AUTHORISATION_EXPIRED && !share.reauthorised
      })
      .map(share => ({ movementId: move.id, shares: [share], at })),
  )
  return reauthorise(payment, requests)
}

/** Closes a movement when every share has a response. */
export function closings(
  payment: StandingPayment,
  responses: readonly MoveOrOther[],
  at: string,
): LaterEvent[] {
  const current = responses.filter(response => isOfOpenTry(payment, response))
  return [
    ...payment.captures.flatMap(move => closing(payment, { kind: 'capture', move, responses: current, at })),
    ...payment.refunds.flatMap(move => closing(payment, { kind: 'refund', move, responses: current, at })),
  ]
}

function isOfOpenTry(payment: StandingPayment, response: MoveOrOther): response is MovementResponse {
  return 'moveId' in response && isOfThisTry(payment, response)
}

type MoveOrOther = MovementResponse | { readonly to: 'authorise' | 'void' | 'void-late' }
type Closing = {
  readonly kind: Kind
  readonly move: Move
  readonly responses: readonly MovementResponse[]
  readonly at: string
}

function closing(payment: StandingPayment, closed: Closing): LaterEvent[] {
  const { kind, move, at } = closed
  const refusals = move.shares.map(share => refusalAt(payment, closed, share))
  if (refusals.includes(undefined)) return []
  const left = [...move.rest, ...move.shares]
  const about = { orderId: payment.orderId, at }
  const entry = entryOf(payment, move.id)
  if (left.length === 0) return [done(payment, closed)]
  const { code, retryable } = refusals.find(refusal => refusal !== undefined) ?? PARTIAL[kind]
  const amount = money(
    payment,
    left.reduce((sum, share) => sum + share.amount, 0),
  )
  const shares = left.map(share => ({ tenderId: share.tenderId, amount: money(payment, share.amount) }))
  const refused: LaterEvent = {
    type: 'MovementRefused',
    data: {
      ...about,
      movementId: move.id,
      kind: kind === 'capture' ? 'CAPTURE' : 'REFUND',
      amount,
      code,
      retryable,
      shares,
      ...(entry && { before: entry.amount }),
    },
  }
  if (entry) return [refused]
  return kind === 'capture'
    ? [{ type: 'CaptureDeclined', data: { ...about, captureId: move.id, code, retryable } }, refused]
    : [{ type: 'RefundDeclined', data: { ...about, refundId: move.id, code, retryable } }, refused]
}

/** A movement that was refused before is settled; its capture or refund was closed at the refusal. */
function done(payment: StandingPayment, { kind, move, at }: Closing): LaterEvent {
  const { orderId } = payment
  const amount = money(payment, move.amount)
  const entry = entryOf(payment, move.id)
  if (entry)
    return {
      type: 'MovementSettled',
      data: { orderId, movementId: move.id, kind: entry.kind, amount: entry.amount, at },
    }
  return kind === 'capture'
    ? { type: 'PaymentCaptured', data: { orderId, captureId: move.id, amount, at } }
    : { type: 'PaymentRefunded', data: { orderId, refundId: move.id, amount, at } }
}

/** Returns why a share was not moved: the provider refused it, or its new authorisation was declined. */
function refusalAt(payment: StandingPayment, closed: Closing, share: OpenShare): ProviderRefusal | undefined {
  const tender = payment.tenders.find(({ tenderId }) => tenderId === share.tenderId)
  if (tender?.status === 'DECLINED') return tender.decline
  return refusalOf(closed, share)
}

/** Returns the refusal of a share. An approval that moved nothing, or another currency, counts as a refusal. */
function refusalOf(
  { kind, move, responses }: Omit<Closing, 'at'>,
  { tenderId }: OpenShare,
): ProviderRefusal | undefined {
  for (const response of responses) {
    if (response.to !== kind || response.moveId !== move.id || response.tenderId !== tenderId) continue
    if (response.said.status === 'declined') return response.said
    if (response.said.amount?.minor === 0) return PARTIAL[kind]
    if (response.said.amount) return { code: CONTRADICTION.wrongCurrency, retryable: false }
  }
  return undefined
}

const PARTIAL: Readonly<Record<Kind, ProviderRefusal>> = {
  capture: { code: CONTRADICTION.partialCapture, retryable: true },
  refund: { code: CONTRADICTION.partialRefund, retryable: true },
}
