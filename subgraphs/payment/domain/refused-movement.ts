// Defines refused movements of money, which are the entries of the operators' worklist, as state of a payment.
import { siblingId } from '#platform/domain/ids.ts'
import type { Money } from '#platform/domain/money.ts'
import type { MovementKind, PaymentEvent, Share } from '#subgraphs/payment/domain/events.ts'

type MovementStatus = 'OPEN' | 'SETTLED' | 'WRITTEN_OFF' | 'DROPPED'

/**
 * `amount` is what is still to be moved. `code` is the provider's, or ours for a response that contradicts the
 * request. `tries` counts the refusals. `underWay` is true from an operator's retry until the provider's response.
 */
export type RefusedMovement = {
  readonly id: string
  readonly kind: MovementKind
  readonly amount: Money
  readonly shares: readonly Share[]
  readonly code: string
  readonly retryable: boolean
  readonly refusedAt: string
  readonly tries: number
  readonly status: MovementStatus
  readonly underWay: boolean
  readonly closedAt?: string
  readonly closedBy?: string
  readonly note?: string
}

export type MovementEvent = Extract<PaymentEvent, { type: (typeof TYPES)[number] }>

const TYPES = [
  'MovementRefused',
  'MovementRetried',
  'MovementSettled',
  'MovementWrittenOff',
  'MovementDropped',
] as const

export function isMovementEvent(event: PaymentEvent): event is MovementEvent {
  return TYPES.some(type => type === event.type)
}

/** Our own codes, for responses of the provider that contradict the request. */
export const CONTRADICTION = {
  wrongAmount: 'wrong_amount',
  wrongCurrency: 'wrong_currency',
  partialCapture: 'partial_capture',
  partialRefund: 'partial_refund',
  excessRefund: 'excess_refund',
  approvalNeeded: 'approval_needed',
  usedUp: 'authorisation_used_up',
} as const

/** After these codes money may have moved already, so a retry could move it twice: only a person can find out. */
const UNREPEATABLE: readonly string[] = [
  CONTRADICTION.wrongCurrency,
  CONTRADICTION.excessRefund,
  'already_captured',
]

export function isRepeatable({ code }: Pick<RefusedMovement, 'code'>): boolean {
  return !UNREPEATABLE.includes(code)
}

export const AUTHORISATION_EXPIRED = 'authorisation_expired'

/** A void that is declined with one of these codes has nothing to void: nothing is held. */
const NOTHING_HELD: readonly string[] = [AUTHORISATION_EXPIRED, 'authorisation_not_found', 'already_voided']

export function holdsNothing(code: string): boolean {
  return NOTHING_HELD.includes(code)
}

/** A void's id is made of its tender's; `late` counts the approvals of the tender that came too late. */
export function voidId(tenderId: string, late?: number): string {
  const id = siblingId('void', tenderId)
  return late === undefined ? id : `${id}-late-${late + 1}`
}

export function afterMovement(
  entry: RefusedMovement | undefined,
  event: MovementEvent,
): RefusedMovement | undefined {
  if (event.type === 'MovementRefused') return refused(entry, event.data)
  if (!entry) return undefined
  const { at } = event.data
  switch (event.type) {
    case 'MovementRetried':
      return { ...entry, underWay: true }
    case 'MovementSettled':
      return { ...entry, underWay: false, status: 'SETTLED', closedAt: at }
    case 'MovementDropped':
      return { ...entry, underWay: false, status: 'DROPPED', closedAt: at }
    case 'MovementWrittenOff': {
      const { by: closedBy, note } = event.data
      return { ...entry, underWay: false, status: 'WRITTEN_OFF', closedAt: at, closedBy, note }
    }
  }
}

function refused(
  entry: RefusedMovement | undefined,
  { movementId, kind, amount, shares, code, retryable, at }: MovementRefusal,
): RefusedMovement {
  return {
    id: movementId,
    kind,
    amount,
    shares,
    code,
    retryable,
    refusedAt: entry?.refusedAt ?? at,
    tries: (entry?.tries ?? 0) + 1,
    status: 'OPEN',
    underWay: false,
  }
}

type MovementRefusal = Extract<MovementEvent, { type: 'MovementRefused' }>['data']
