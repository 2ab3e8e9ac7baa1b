// Lists the rows of docs/reference/provider-outcomes.md: every step of a payment with every kind of response of its provider.

import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { type ProviderResponse, recordResponses } from '#subgraphs/payment/domain/provider-responses.ts'
import {
  AT,
  AUTHORISED,
  accepted,
  captureRequested,
  card,
  fold,
  paymentCaptured,
  refundRequested,
  requested,
  tenderCaptured,
  voidRequested,
} from './payment-fixture.ts'

export type Step = 'authorise' | 'authorise again' | 'capture' | 'refund' | 'void' | 'void, late approval'

/** `events` are those that the response adds, `commandResult` is the result for the caller, `entry` the one on the worklist. */
export type Row = {
  readonly step: Step
  readonly response: string
  readonly answer: ProviderResponse | undefined
  readonly given?: readonly PaymentEvent[]
  readonly events: readonly PaymentEvent['type'][]
  readonly commandResult: string
  readonly entry?: string
}

const REQUESTED = [requested(card('t1', 10_000))]
export const CAPTURING = [...AUTHORISED, captureRequested('cap_1', ['t1', 6_000])]
const CAPTURED = [...CAPTURING, tenderCaptured('cap_1', 't1', 6_000), paymentCaptured('cap_1', 6_000)]
const REFUNDING = [...CAPTURED, refundRequested('ref_1', ['t1', 2_000])]
const VOIDING = [...AUTHORISED, voidRequested]
const EXPIRED: ProviderResponse = captures({
  status: 'declined',
  code: 'authorisation_expired',
  retryable: false,
})
const REAUTHORISING = after(CAPTURING, EXPIRED)
const VOIDED = after(VOIDING, { to: 'void', tenderId: 't1' })
const LATE = after(VOIDED, authorises({ status: 'approved', providerRef: 'late' }))

export const DECLINED = { status: 'declined', code: 'card_declined', retryable: false } as const
const BUSY = { status: 'declined', code: 'try_again_later', retryable: true } as const

export const GIVEN: Readonly<Record<Step, readonly PaymentEvent[]>> = {
  authorise: REQUESTED,
  'authorise again': REAUTHORISING,
  capture: CAPTURING,
  refund: REFUNDING,
  void: VOIDING,
  'void, late approval': LATE,
}

const TAKEN = ['TenderCaptured', 'PaymentCaptured'] as const
const FREED = ['TenderVoided', 'PaymentVoided'] as const
const KEPT = ['MovementRefused', 'PaymentVoided'] as const

export const ROWS: readonly Row[] = [
  ...[
    row('authorise', 'approved', authorises(approved()), ['TenderAuthorised', 'PaymentAuthorised'], 'done'),
    row('authorise', 'pending', authorises(pending()), ['TenderApprovalAwaited'], 'pending'),
    row(
      'authorise',
      'declined',
      authorises(DECLINED),
      ['TenderDeclined', 'PaymentDeclined'],
      'PAYMENT_DECLINED',
    ),
    row('authorise', 'approved, less', authorises(approved(9_999)), WRONG(), 'PAYMENT_DECLINED'),
    row('authorise', 'approved, more', authorises(approved(10_001)), WRONG(), 'PAYMENT_DECLINED'),
    row(
      'authorise',
      'approved, another currency',
      authorises(approved(10_000, 'CHF')),
      WRONG(),
      'PAYMENT_DECLINED',
    ),
    {
      ...row('authorise', 'approved, a second time', authorises(approved()), [], 'done'),
      given: after(REQUESTED, authorises(approved())),
    },
    {
      ...row(
        'authorise',
        'approved, after the void',
        authorises(approved()),
        ['TenderApprovedLate'],
        'PAYMENT_VOIDED',
      ),
      given: after([...REQUESTED, voidRequested], { to: 'void', tenderId: 't1' }),
    },
    {
      ...row('authorise', 'declined, after the approval', authorises(DECLINED), [], 'done'),
      given: after(REQUESTED, authorises(approved())),
    },
    row('authorise', 'approved, of another tender', authorises(approved(), 't9'), [], 'waits'),
    row('authorise', 'nothing', undefined, [], 'waits'),
  ],
  ...[
    row('authorise again', 'approved', again(approved(10_000)), ['TenderAuthorised'], 'waits'),
    {
      ...row('authorise again', 'pending', again(pending()), ANEW('TenderApprovedLate'), 'CAPTURE_DECLINED'),
      entry: 'CAPTURE 60.00 approval_needed',
    },
    {
      ...row('authorise again', 'declined', again(DECLINED), ANEW(), 'CAPTURE_DECLINED'),
      entry: 'CAPTURE 60.00 card_declined',
    },
    {
      ...row(
        'authorise again',
        'approved, less',
        again(approved(9_999)),
        ANEW('TenderApprovedLate'),
        'CAPTURE_DECLINED',
      ),
      entry: 'CAPTURE 60.00 wrong_amount',
    },
    row('authorise again', 'nothing', undefined, [], 'waits'),
  ],
  ...[
    row('capture', 'approved', captures(moved()), TAKEN, 'done'),
    row('capture', 'approved, as asked', captures(moved(6_000)), TAKEN, 'done'),
    refused('capture', 'declined', captures(DECLINED), [], 'CAPTURE 60.00 card_declined'),
    refused('capture', 'declined, retryable', captures(BUSY), [], 'CAPTURE 60.00 try_again_later'),
    row('capture', 'authorisation_expired', EXPIRED, ['ReauthorisationRequested'], 'waits'),
    {
      ...refused(
        'capture',
        'authorisation_expired, a second time',
        captures(EXPIRED_SAID(), 't1-2'),
        [],
        'CAPTURE 60.00 authorisation_expired',
      ),
      given: after(REAUTHORISING, again(approved(10_000))),
    },
    refused(
      'capture',
      'approved, less',
      captures(moved(4_000)),
      ['TenderCaptured'],
      'CAPTURE 20.00 partial_capture',
    ),
    refused('capture', 'approved, nothing of it', captures(moved(0)), [], 'CAPTURE 60.00 partial_capture'),
    row(
      'capture',
      'approved, more',
      captures(moved(7_000)),
      ['TenderCaptured', 'RefundRequested', 'PaymentCaptured'],
      'done',
    ),
    refused(
      'capture',
      'approved, another currency',
      captures(moved(6_000, 'CHF')),
      [],
      'CAPTURE 60.00 wrong_currency',
    ),
    { ...row('capture', 'approved, a second time', captures(moved()), [], 'done'), given: CAPTURED },
    { ...row('capture', 'declined, after the approval', captures(DECLINED), [], 'done'), given: CAPTURED },
    {
      ...row('capture', 'approved, after the decline', captures(moved()), [], 'CAPTURE_DECLINED'),
      given: after(CAPTURING, captures(DECLINED)),
      entry: 'CAPTURE 60.00 card_declined',
    },
    {
      ...row('capture', 'approved, while it is being void', captures(moved()), TAKEN, 'done'),
      given: [...CAPTURING, voidRequested],
    },
    {
      ...row(
        'capture',
        'declined, while it is being void',
        captures(DECLINED),
        ['CaptureDeclined', 'MovementRefused', 'MovementDropped'],
        'CAPTURE_DECLINED',
      ),
      given: [...CAPTURING, voidRequested],
    },
    {
      ...refused(
        'capture',
        'approved, another currency, while it is being void',
        captures(moved(6_000, 'CHF')),
        [],
        'CAPTURE 60.00 wrong_currency',
      ),
      given: [...CAPTURING, voidRequested],
    },
    row('capture', 'approved, of another tender', captures(moved(), 't9'), [], 'waits'),
    row('capture', 'nothing', undefined, [], 'waits'),
  ],
  ...[
    row('refund', 'approved', refunds(moved()), ['TenderRefunded', 'PaymentRefunded'], 'done'),
    refused('refund', 'declined', refunds(DECLINED), [], 'REFUND 20.00 card_declined'),
    refused('refund', 'declined, retryable', refunds(BUSY), [], 'REFUND 20.00 try_again_later'),
    refused(
      'refund',
      'approved, less',
      refunds(moved(500)),
      ['TenderRefunded'],
      'REFUND 15.00 partial_refund',
    ),
    refused('refund', 'approved, nothing of it', refunds(moved(0)), [], 'REFUND 20.00 partial_refund'),
    {
      ...row(
        'refund',
        'approved, more',
        refunds(moved(2_500)),
        ['TenderRefunded', 'MovementRefused', 'PaymentRefunded'],
        'done',
      ),
      entry: 'REFUND 5.00 excess_refund',
    },
    refused(
      'refund',
      'approved, another currency',
      refunds(moved(2_000, 'CHF')),
      [],
      'REFUND 20.00 wrong_currency',
    ),
    {
      ...row('refund', 'approved, a second time', refunds(moved()), [], 'done'),
      given: after(REFUNDING, refunds(moved())),
    },
    {
      ...row('refund', 'approved, after the decline', refunds(moved()), [], 'REFUND_DECLINED'),
      given: after(REFUNDING, refunds(DECLINED)),
      entry: 'REFUND 20.00 card_declined',
    },
    row('refund', 'approved, of another tender', refunds(moved(), 't9'), [], 'waits'),
    row('refund', 'nothing', undefined, [], 'waits'),
  ],
  ...[
    row('void', 'done', voids(), FREED, 'done'),
    row('void', 'authorisation_expired', voids('authorisation_expired'), FREED, 'done'),
    row('void', 'authorisation_not_found', voids('authorisation_not_found'), FREED, 'done'),
    row('void', 'already_voided', voids('already_voided'), FREED, 'done'),
    {
      ...row('void', 'already_captured', voids('already_captured'), KEPT, 'done'),
      entry: 'VOID 100.00 already_captured',
    },
    {
      ...row('void', 'declined', voids('declined'), KEPT, 'done'),
      entry: 'VOID 100.00 declined',
    },
    { ...row('void', 'done, a second time', voids(), [], 'done'), given: VOIDED },
    row('void', 'nothing', undefined, [], 'waits'),
    row('void, late approval', 'done', lateVoids(), ['LateApprovalVoided'], 'done'),
    row(
      'void, late approval',
      'authorisation_expired',
      lateVoids('authorisation_expired'),
      ['LateApprovalVoided'],
      'done',
    ),
    {
      ...row('void, late approval', 'declined', lateVoids('declined'), ['MovementRefused'], 'done'),
      entry: 'VOID 100.00 declined',
    },
    row('void, late approval', 'nothing', undefined, [], 'done'),
  ],
]

function row(
  step: Step,
  response: string,
  answer: ProviderResponse | undefined,
  events: readonly PaymentEvent['type'][],
  commandResult: string,
): Row {
  return { step, response, answer, events, commandResult }
}

function refused(
  step: 'capture' | 'refund',
  response: string,
  answer: ProviderResponse,
  before: readonly PaymentEvent['type'][],
  entry: string,
): Row {
  const isCapture = step === 'capture'
  const events = [...before, isCapture ? 'CaptureDeclined' : 'RefundDeclined', 'MovementRefused'] as const
  return { ...row(step, response, answer, events, isCapture ? 'CAPTURE_DECLINED' : 'REFUND_DECLINED'), entry }
}

function WRONG(): PaymentEvent['type'][] {
  return ['TenderDeclined', 'TenderApprovedLate', 'PaymentDeclined']
}
function ANEW(...between: PaymentEvent['type'][]): PaymentEvent['type'][] {
  return ['TenderDeclined', ...between, 'CaptureDeclined', 'MovementRefused']
}
function EXPIRED_SAID() {
  return { status: 'declined', code: 'authorisation_expired', retryable: false } as const
}
function approved(minor?: number, currency = 'EUR') {
  const amount = minor === undefined ? {} : { amount: { minor, currency } }
  return { status: 'approved', providerRef: 'ref-new', ...amount } as const
}
function pending() {
  return { status: 'pending', providerRef: 'ref-new' } as const
}
function moved(minor?: number, currency = 'EUR') {
  return { status: 'approved', ...(minor !== undefined && { amount: { minor, currency } }) } as const
}
type Authorised = Extract<ProviderResponse, { to: 'authorise' }>['said']
type Moved = Extract<ProviderResponse, { to: 'capture' | 'refund' }>['said']
function authorises(said: Authorised, tenderId = 't1'): ProviderResponse {
  return { to: 'authorise', tenderId, said }
}
function again(said: Authorised): ProviderResponse {
  return authorises(said, 't1-2')
}
export function captures(said: Moved, tenderId = 't1'): ProviderResponse {
  return { to: 'capture', moveId: 'cap_1', tenderId, said }
}
function refunds(said: Moved, tenderId = 't1'): ProviderResponse {
  return { to: 'refund', moveId: 'ref_1', tenderId, said }
}
function voids(code?: string): ProviderResponse {
  return { to: 'void', tenderId: 't1', ...(code !== undefined && { declined: { code, retryable: false } }) }
}
function lateVoids(code?: string): ProviderResponse {
  const declined = code === undefined ? {} : { declined: { code, retryable: false } }
  return { to: 'void-late', tenderId: 't1', providerRef: 'late', ...declined }
}

export function after(history: readonly PaymentEvent[], ...answers: ProviderResponse[]): PaymentEvent[] {
  return [...history, ...accepted(recordResponses(fold(history), answers, AT))]
}
