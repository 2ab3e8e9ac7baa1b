// Measures refused movements: how many are open, their amounts, and every refusal by its code.
import { toDecimal } from '#platform/domain/money.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { counter, gauge } from '#platform/telemetry/metrics.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { AUTHORISATION_EXPIRED, CONTRADICTION } from '#subgraphs/payment/domain/refused-movement.ts'
import type { MovementTotalsDoc } from '#subgraphs/payment/queries/views.ts'

const EVERY_MS = 30_000
/** Three kinds, and as many currencies as there are. */
const MAX_TOTALS = 1_000

/** Codes that have a label of their own; a provider may have any others. */
const CODES: readonly string[] = [
  ...Object.values(CONTRADICTION),
  AUTHORISATION_EXPIRED,
  'already_captured',
  'amount_too_large',
  'approval_declined',
  'card_declined',
  'declined',
  'insufficient_funds',
  'try_again_later',
  'unknown_token',
  'voided',
  'voucher_too_small',
]

/** Counts what the provider refused, at every step. */
export function countRefusals(events: readonly PaymentEvent[]): void {
  const refusals = counter('waybill_payment_refusals_total', 'What the payment provider refused', [
    'step',
    'code',
  ])
  for (const event of events) {
    const step = stepOf(event)
    if (step === undefined || !('code' in event.data)) continue
    const { code } = event.data
    refusals.inc({ step, code: CODES.includes(code) ? code : 'other' })
  }
}

function stepOf(event: PaymentEvent): string | undefined {
  if (event.type === 'TenderDeclined') return 'authorise'
  return event.type === 'MovementRefused' ? event.data.kind.toLowerCase() : undefined
}

type WorklistMetricsOptions = {
  readonly totals: Pick<Collection<MovementTotalsDoc>, 'find'>
  readonly logger: Logger
}

/** Reads the totals at once and then every thirty seconds, until disposed. Every process of the service reports the same. */
export function startWorklistMetrics(options: WorklistMetricsOptions): AsyncDisposable {
  return startPeriodicTask({
    run: () => report(options),
    everyMs: EVERY_MS,
    onError: err =>
      options.logger.warn({ err }, 'counting open refused movements failed, they are counted again in 30 s'),
  })
}

async function report({ totals }: WorklistMetricsOptions): Promise<void> {
  const open = gauge('waybill_payment_refused_movements', 'Refused movements of money that are open', [
    'kind',
    'currency',
  ])
  const amount = gauge('waybill_payment_refused_amount', 'What open refused movements come to', [
    'kind',
    'currency',
  ])
  const { items } = await totals.find({ limit: MAX_TOTALS })
  for (const { doc } of items) {
    const labels = { kind: doc.kind, currency: doc.currency }
    open.set(labels, doc.count)
    amount.set(labels, Number(toDecimal(doc)))
  }
}
