// Receives the carrier's signed notices in batches at POST /webhooks/carrier and records them.
import { problemsInOneLine, validationMessage } from '#platform/config/validation-messages.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'
import { isObject } from '#platform/domain/json.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { counter } from '#platform/telemetry/metrics.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'
import { mountWebhook } from '#platform/webhooks/endpoint.ts'
import { type CarrierNotice, deliverySchema, noticeSchema } from '../adapters/carrier.ts'
import { type CommandDependencies, type NoticeResult, recordNotice } from './shipments.ts'

export const CARRIER_WEBHOOK = '/webhooks/carrier'

type CarrierWebhookOptions = {
  readonly shipments: CommandDependencies['shipments']
  /** Returns the trace in which the shipment was requested; the carrier's call brings none. */
  readonly traceOf: (shipmentId: string) => Promise<string | undefined>
  readonly secret: string
  readonly now: () => Date
  readonly logger: Logger
}

type Fate =
  | 'recorded'
  | 'known'
  | 'cancelled'
  | 'unknown'
  | 'reused'
  | 'mismatched'
  | 'malformed'
  | 'refused'
  | 'failed'

/** The outcome of one notice; `problem` says why it can never be recorded. */
type NoticeOutcome = {
  readonly id?: string | undefined
  readonly fate: Fate
  readonly problem?: string | undefined
}

/**
 * Records each notice of a call by itself. Responds 204 once each is recorded or changes nothing; 401 for a wrong
 * signature and 400 for a malformed body, without recording anything. 400 with `error.refused` also when some
 * notices can never be recorded (malformed, or about another parcel than the shipment's): the others are. 503 with
 * `error.failed`, the ids of the notices to send again, takes precedence over `error.refused`. A notice about a
 * shipment that is not ours is ignored: a shipment is recorded before the first call to the carrier, so no later
 * try can find it. Notices of one shipment are recorded one after another, those of different ones in parallel.
 */
export function mountCarrierWebhook(http: HttpServer, options: CarrierWebhookOptions): void {
  const counted = counter('waybill_carrier_notices_total', 'Notices of the carrier by what became of them', [
    'fate',
  ])
  mountWebhook(http, {
    path: CARRIER_WEBHOOK,
    secret: options.secret,
    now: options.now,
    async receive(body, { requestId }) {
      const { notices, malformed } = readNotices(body)
      for (const { id, problem } of malformed)
        options.logger.warn({ notice_id: id, problem }, 'a notice of the carrier is malformed, it is refused')
      const parcels = [...Map.groupBy(notices, ({ reference }) => reference).values()]
      const taken = await Promise.all(parcels.map(parcel => takeInOrder(parcel, requestId, options)))
      const all = [...malformed, ...taken.flat()]
      for (const { fate } of all) counted.inc({ fate })
      throwIfIncomplete(all)
    },
  })
}

async function takeInOrder(
  notices: readonly CarrierNotice[],
  requestId: string,
  options: CarrierWebhookOptions,
): Promise<NoticeOutcome[]> {
  const taken: NoticeOutcome[] = []
  for (const notice of notices)
    taken.push({ id: notice.id, ...(await takeNotice(notice, requestId, options)) })
  return taken
}

/** Throws the error for the carrier, unless every notice was recorded or ignored. */
function throwIfIncomplete(all: readonly NoticeOutcome[]): void {
  const failed = all.flatMap(({ id, fate }) => (fate === 'failed' && id !== undefined ? [id] : []))
  const refused = all.flatMap(({ id, problem }) =>
    problem === undefined ? [] : [{ id: id ?? null, problem }],
  )
  if (failed.length > 0)
    throw new CallerError('UNAVAILABLE', 'Some notices could not be kept: send them again.', {
      failed,
      ...(refused.length > 0 && { refused }),
    })
  if (refused.length === 0) return
  const first = refused[0]?.problem
  throw new CallerError(
    'BAD_USER_INPUT',
    `${refused.length} of ${all.length} notices cannot be taken, and the others are done with; the first: ${first}. Sending them again does not help.`,
    { refused },
  )
}

/** Returns the valid notices, and the problems of the others. Throws CallerError BAD_USER_INPUT for a malformed body. */
function readNotices(body: unknown): { notices: CarrierNotice[]; malformed: NoticeOutcome[] } {
  const parsed = deliverySchema.safeParse(body, { error: validationMessage })
  if (!parsed.success)
    throw new CallerError('BAD_USER_INPUT', `the notices are malformed: ${problemsInOneLine(parsed.error)}`)
  const notices: CarrierNotice[] = []
  const malformed: NoticeOutcome[] = []
  for (const [index, event] of parsed.data.events.entries()) {
    const notice = noticeSchema.safeParse(event, { error: validationMessage })
    if (notice.success) notices.push(notice.data)
    else
      malformed.push({
        id: noticeSchema.shape.id.safeParse(idOf(event)).data,
        fate: 'malformed',
        problem: problemsInOneLine(notice.error, [`events[${index}]`]),
      })
  }
  return { notices, malformed }
}

function idOf(event: unknown): unknown {
  return isObject(event) ? event.id : undefined
}

async function takeNotice(
  notice: CarrierNotice,
  requestId: string,
  options: CarrierWebhookOptions,
): Promise<Omit<NoticeOutcome, 'id'>> {
  const { logger } = options
  const about = { notice_id: notice.id, shipment_id: notice.reference, status: notice.status }
  try {
    const fate = isId('shipment', notice.reference)
      ? fateOf(await recordInTrace(notice, requestId, options))
      : 'unknown'
    const warning = WARNINGS[fate]
    if (warning) logger.warn(about, warning)
    return fate === 'mismatched' ? { fate, problem: mismatch(notice) } : { fate }
  } catch (err) {
    if (err instanceof CallerError && err.code === 'CONFLICT') {
      logger.warn(about, 'the carrier used the id of a notice for another shipment, the notice is ignored')
      return { fate: 'reused' }
    }
    if (err instanceof CallerError && err.code === 'BAD_USER_INPUT') {
      logger.warn({ err, ...about }, 'a notice of the carrier cannot be stored, it is refused')
      return { fate: 'refused', problem: `notice ${notice.id}: ${err.message}` }
    }
    logger.error(
      { err, ...about },
      'recording a notice of the carrier failed, the carrier is to send it again',
    )
    return { fate: 'failed' }
  }
}

const WARNINGS: Partial<Readonly<Record<Fate, string>>> = {
  cancelled: 'the carrier reports on a cancelled shipment, it stays cancelled',
  unknown: 'the carrier reports on an unknown shipment, the notice is ignored',
  mismatched: 'the carrier reports another tracking number than the shipment has, the notice is refused',
}

function mismatch({ id, trackingNumber, reference }: CarrierNotice): string {
  return `notice ${id}: ${trackingNumber} is not the tracking number of ${reference}`
}

/** Continues the trace of the shipment, since one call brings notices of many. */
async function recordInTrace(
  { id, reference, trackingNumber, estimatedDelivery, ...told }: CarrierNotice,
  requestId: string,
  { shipments, traceOf }: CarrierWebhookOptions,
): Promise<NoticeResult> {
  const label = { trackingNumber, estimatedDelivery: estimatedDelivery ?? null }
  const parent = await traceOf(reference)
  return inSpan('carrier notice', { parent, kind: 'consumer' }, () => {
    const trace = traceparent()
    const meta = {
      actor: 'service:carrier',
      correlationId: requestId,
      ...(trace !== undefined && { traceparent: trace }),
    }
    const notice = { ...told, label }
    return recordNotice({ shipments }, { id: reference, notice }, { key: `carrier:notice:${id}`, meta })
  })
}

function fateOf({ before, changed, refusal }: NoticeResult): Fate {
  if (refusal === 'TRACKING_NUMBER_MISMATCH') return 'mismatched'
  if (changed) return 'recorded'
  if (before === 'ABSENT') return 'unknown'
  return before === 'CANCELLED' ? 'cancelled' : 'known'
}
