// Defines the state of an order's payment, and how each event changes it.
import type { Money } from '#platform/domain/money.ts'
import type { PaymentEvent, RequestedTender, Share, TenderKind } from '#subgraphs/payment/domain/events.ts'
import {
  afterMovement,
  type MovementEvent,
  type RefusedMovement,
} from '#subgraphs/payment/domain/refused-movement.ts'

type TenderStatus = 'REQUESTED' | 'AWAITING_APPROVAL' | 'AUTHORISED' | 'DECLINED' | 'VOIDED'

/** Amounts are minor units of the payment's currency. `held` is what is authorised and not voided, captures included. */
export type Tender = {
  readonly tenderId: string
  readonly kind: TenderKind
  readonly token: string
  readonly amount: number
  readonly status: TenderStatus
  readonly awaited: boolean
  readonly held: number
  readonly captured: number
  readonly refunded: number
  readonly decline?: ProviderRefusal
  /** The provider's name of the authorisation, once there is one. */
  readonly providerRef?: string
  /** The provider captures nothing under the authorisation from this time on. */
  readonly expiresAt?: string
  /** The tenders that this one replaces, because a movement could not use their authorisations. */
  readonly replaces?: readonly string[]
  readonly late: readonly LateApproval[]
}

export type LateApproval = {
  readonly providerRef: string
  readonly amount?: Money
  readonly voided: boolean
}

/** Minor units. `reauthorised` when the tender was authorised anew for this share. */
export type OpenShare = { readonly tenderId: string; readonly amount: number; readonly reauthorised?: true }

/**
 * A capture or refund under way; `shares` have no response from the provider yet, `rest` is what it did not move of
 * those that have.
 */
export type Move = {
  readonly id: string
  readonly amount: number
  readonly shares: readonly OpenShare[]
  readonly rest: readonly OpenShare[]
}

export type ProviderRefusal = { readonly code: string; readonly retryable: boolean }
type Phase = 'requested' | 'authorised' | 'declined' | 'voiding' | 'voided'

export type StandingPayment = {
  readonly phase: Phase
  readonly orderId: string
  readonly customerId: string
  readonly currency: string
  readonly amount: number
  readonly tenders: readonly Tender[]
  readonly captures: readonly Move[]
  readonly refunds: readonly Move[]
  /** Captures and refunds that the provider refused, by id. */
  readonly declinedMoves: Readonly<Record<string, ProviderRefusal>>
  /** The worklist's entries of this payment, open and closed, oldest first. */
  readonly refused: readonly RefusedMovement[]
  readonly decline?: { readonly code: string; readonly message: string; readonly retryable: boolean }
  readonly authorisedAt?: string
  /** The amount voided since the void, or the decline, was recorded. */
  readonly released: number
  readonly createdAt: string
  readonly updatedAt: string
}

export type Payment =
  | { readonly phase: 'absent' }
  | { readonly phase: 'forestalled'; readonly orderId: string }
  | StandingPayment

export function isStanding(payment: Payment): payment is StandingPayment {
  return payment.phase !== 'absent' && payment.phase !== 'forestalled'
}

export function movesOf(payment: StandingPayment, kind: 'capture' | 'refund'): readonly Move[] {
  return kind === 'capture' ? payment.captures : payment.refunds
}

export function money({ currency }: StandingPayment, minor: number): Money {
  return { minor, currency }
}

export function evolve(payment: Payment, event: PaymentEvent): Payment {
  if (event.type === 'PaymentRequested') return requested(event)
  if (event.type === 'PaymentForestalled') return { phase: 'forestalled', orderId: event.data.orderId }
  return isStanding(payment) ? advance(payment, event) : payment
}

type Opening = Extract<PaymentEvent, { type: 'PaymentRequested' | 'PaymentForestalled' }>
export type LaterEvent = Exclude<PaymentEvent, Opening>

/** What later events change comes first: of a changed document, PostgreSQL logs nothing of the end that stays the same. */
function requested({ data }: Extract<PaymentEvent, { type: 'PaymentRequested' }>): StandingPayment {
  return {
    updatedAt: data.at,
    phase: 'requested',
    captures: [],
    tenders: data.tenders.map(newTender),
    refunds: [],
    declinedMoves: {},
    refused: [],
    released: 0,
    orderId: data.orderId,
    customerId: data.customerId,
    currency: data.amount.currency,
    amount: data.amount.minor,
    createdAt: data.at,
  }
}

function newTender({ tenderId, kind, token, amount }: RequestedTender): Tender {
  return {
    status: 'REQUESTED',
    held: 0,
    captured: 0,
    refunded: 0,
    awaited: false,
    late: [],
    tenderId,
    kind,
    token,
    amount: amount.minor,
  }
}

/** Returns the payment after `event`. */
export function advance(payment: StandingPayment, event: LaterEvent): StandingPayment {
  return { ...payment, ...change(payment, event), updatedAt: event.data.at }
}

function change(payment: StandingPayment, event: LaterEvent): Partial<StandingPayment> {
  const { type, data } = event
  switch (type) {
    case 'TenderAuthorised':
      return withTender(payment, data.tenderId, tender => ({
        status: 'AUTHORISED',
        held: tender.amount,
        providerRef: data.providerRef,
        ...(data.expiresAt !== undefined && { expiresAt: data.expiresAt }),
      }))
    case 'TenderApprovalAwaited':
      return withTender(payment, data.tenderId, () => ({ status: 'AWAITING_APPROVAL', awaited: true }))
    case 'TenderDeclined':
      return withTender(payment, data.tenderId, () => ({ status: 'DECLINED', decline: refusalOf(data) }))
    case 'PaymentAuthorised':
      return { phase: 'authorised', authorisedAt: data.at }
    case 'PaymentDeclined':
      return {
        phase: 'declined',
        decline: { code: data.code, message: data.message, retryable: data.retryable },
      }
    case 'CaptureRequested':
      return { captures: [...payment.captures, move(data.captureId, data)] }
    case 'TenderCaptured':
      return {
        ...withTender(payment, data.tenderId, tender => captured(tender, data.amount.minor)),
        captures: shareDone(payment.captures, data.captureId, data),
      }
    case 'PaymentCaptured':
      return { captures: without(payment.captures, data.captureId) }
    case 'CaptureDeclined':
      return {
        captures: without(payment.captures, data.captureId),
        declinedMoves: { ...payment.declinedMoves, [data.captureId]: refusalOf(data) },
      }
    case 'RefundRequested':
      return { refunds: [...payment.refunds, move(data.refundId, data)] }
    case 'TenderRefunded':
      return {
        ...withTender(payment, data.tenderId, ({ refunded }) => ({ refunded: refunded + data.amount.minor })),
        refunds: shareDone(payment.refunds, data.refundId, data),
      }
    case 'PaymentRefunded':
      return { refunds: without(payment.refunds, data.refundId) }
    case 'RefundDeclined':
      return {
        refunds: without(payment.refunds, data.refundId),
        declinedMoves: { ...payment.declinedMoves, [data.refundId]: refusalOf(data) },
      }
    case 'VoidRequested':
      return { phase: 'voiding', released: 0 }
    case 'TenderVoided':
      return {
        ...withTender(payment, data.tenderId, ({ held }) => ({
          held: held - data.amount.minor,
          status: held === data.amount.minor ? 'VOIDED' : 'AUTHORISED',
        })),
        released: payment.released + data.amount.minor,
      }
    case 'PaymentVoided':
      return { phase: 'voided' }
    case 'TenderApprovedLate':
      return withTender(payment, data.tenderId, ({ late }) => ({ late: [...late, lateApproval(data)] }))
    case 'LateApprovalVoided':
      return withTender(payment, data.tenderId, ({ late }) => ({
        late: late.map(entry =>
          entry.providerRef === data.providerRef ? { ...entry, voided: true } : entry,
        ),
      }))
    case 'ReauthorisationRequested':
      return reauthorising(payment, data)
    case 'MovementRefused':
    case 'MovementRetried':
    case 'MovementSettled':
    case 'MovementWrittenOff':
    case 'MovementDropped':
      return movementChanged(payment, event)
  }
}

/** A provider that captured more than it had authorised counts as having authorised that much. */
function captured(tender: Tender, minor: number): Partial<Tender> {
  const taken = tender.captured + minor
  return { captured: taken, held: Math.max(tender.held, taken) }
}

function lateApproval({ providerRef, amount }: { providerRef: string; amount?: Money }): LateApproval {
  return { providerRef, voided: false, ...(amount && { amount }) }
}

type Data<Type extends PaymentEvent['type']> = Extract<PaymentEvent, { type: Type }>['data']

/** The movement's shares of the tenders that are replaced become one share of the new one. */
function reauthorising(
  { tenders, captures }: StandingPayment,
  { movementId, tender, replaces }: Data<'ReauthorisationRequested'>,
): Partial<StandingPayment> {
  const moved = (entry: Move): Move => {
    const [old, kept] = partition(entry.shares, share => replaces.includes(share.tenderId))
    const amount = old.reduce((sum, share) => sum + share.amount, 0)
    return { ...entry, shares: [...kept, { tenderId: tender.tenderId, amount, reauthorised: true }] }
  }
  return {
    tenders: [...tenders, { ...newTender(tender), replaces }],
    captures: captures.map(entry => (entry.id === movementId ? moved(entry) : entry)),
  }
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [items.filter(belongs), items.filter(item => !belongs(item))]
}

function movementChanged(payment: StandingPayment, event: MovementEvent): Partial<StandingPayment> {
  const { movementId: id, kind } = event.data
  const before = payment.refused.find(entry => entry.id === id)
  const after = afterMovement(before, event)
  if (!after) return {}
  const refused = before
    ? payment.refused.map(entry => (entry === before ? after : entry))
    : [...payment.refused, after]
  const list = kind === 'CAPTURE' ? 'captures' : kind === 'REFUND' ? 'refunds' : undefined
  if (!list) return { refused }
  const others = without(payment[list], id)
  return {
    refused,
    [list]: event.type === 'MovementRetried' ? [...others, move(id, event.data)] : others,
  }
}

function withTender(
  { tenders }: StandingPayment,
  tenderId: string,
  change: (tender: Tender) => Partial<Tender>,
): Pick<StandingPayment, 'tenders'> {
  return {
    tenders: tenders.map(tender =>
      tender.tenderId === tenderId ? { ...tender, ...change(tender) } : tender,
    ),
  }
}

function move(id: string, data: { readonly amount: Money; readonly shares: readonly Share[] }): Move {
  return {
    id,
    amount: data.amount.minor,
    shares: data.shares.map(({ tenderId, amount }) => ({ tenderId, amount: amount.minor })),
    rest: [],
  }
}

/** Closes a share that has a response: what the provider left out is not requested again under the same key. */
function shareDone(
  moves: readonly Move[],
  id: string,
  { tenderId, amount }: { readonly tenderId: string; readonly amount: Money },
): Move[] {
  return moves.map(entry => {
    if (entry.id !== id) return entry
    const [answered, shares] = partition(entry.shares, share => share.tenderId === tenderId)
    const rest = answered
      .map(share => ({ ...share, amount: share.amount - amount.minor }))
      .filter(share => share.amount > 0)
    return { ...entry, shares, rest: [...entry.rest, ...rest] }
  })
}

function without(moves: readonly Move[], id: string): Move[] {
  return moves.filter(entry => entry.id !== id)
}

function refusalOf({ code, retryable }: ProviderRefusal): ProviderRefusal {
  return { code, retryable }
}
