// Takes in the carrier's notices: POST /webhooks/carrier, signed, in batches, at least once. Free of rules about shipments.
import { z } from 'zod'
import { CallerError } from '#platform/domain/errors.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { counter } from '#platform/telemetry/metrics.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'
import { mountWebhook } from '#platform/webhooks/endpoint.ts'
import { type CarrierNotice, noticesSchema } from './carrier/carrier.ts'
import type { Noted, ShipmentCommands } from './commands.ts'

export const CARRIER_WEBHOOK = '/webhooks/carrier'

export type CarrierWebhookOptions = {
  readonly commands: Pick<ShipmentCommands, 'note'>
  /** The trace that the shipment was requested in: the carrier brings none. */
  readonly traceOf: (shipmentId: string) => Promise<string | undefined>
  readonly secret: string
  readonly now: () => Date
  readonly logger: Logger
}

type Fate = 'recorded' | 'known' | 'cancelled' | 'unknown' | 'reused' | 'failed'

/**
 * 204 once every notice is kept or found to change nothing; 401 for a wrong signature and 400 for a malformed body,
 * of which nothing is written; 503 with `error.failed`, the ids of the notices to send again. A notice about a
 * shipment that is not ours is done with: the shipment is written before the carrier hears of it, so that no later
 * try can find it. Notices of one shipment are taken one after another, those of different ones at once.
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
      const { events } = readNotices(body)
      const take = (notice: CarrierNotice) => takeNotice(notice, requestId, options)
      const failed: string[] = []
      const parcels = [...Map.groupBy(events, ({ reference }) => reference).values()]
      await Promise.all(
        parcels.map(async notices => {
          for (const notice of notices) {
            const fate = await take(notice)
            counted.inc({ fate })
            if (fate === 'failed') failed.push(notice.id)
          }
        }),
      )
      if (failed.length > 0)
        throw new CallerError('UNAVAILABLE', 'Some notices could not be kept: send them again.', { failed })
    },
  })
}

function readNotices(body: unknown) {
  const parsed = noticesSchema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new CallerError('BAD_USER_INPUT', `the notices are malformed: ${z.prettifyError(parsed.error)}`)
}

async function takeNotice(
  notice: CarrierNotice,
  requestId: string,
  options: CarrierWebhookOptions,
): Promise<Fate> {
  const { logger } = options
  const about = { notice_id: notice.id, shipment_id: notice.reference, status: notice.status }
  try {
    const fate = fateOf(await recordNotice(notice, requestId, options))
    if (fate === 'cancelled')
      logger.warn(about, 'the carrier reports on a cancelled shipment; it stays cancelled')
    if (fate === 'unknown') logger.warn(about, 'the carrier reports on a shipment that is not ours')
    return fate
  } catch (err) {
    if (err instanceof CallerError && err.code === 'CONFLICT') {
      logger.warn(about, 'the carrier used the id of a notice for another shipment')
      return 'reused'
    }
    logger.error({ err, ...about }, 'a notice of the carrier could not be kept')
    return 'failed'
  }
}

/** Goes on with the shipment's own trace: a call brings notices of many. */
async function recordNotice(
  { id, reference, trackingNumber, estimatedDelivery, ...told }: CarrierNotice,
  requestId: string,
  { commands, traceOf }: CarrierWebhookOptions,
): Promise<Noted> {
  const label = { trackingNumber, estimatedDelivery: estimatedDelivery ?? null }
  const parent = await traceOf(reference)
  return inSpan('carrier notice', { parent, kind: 'consumer' }, () => {
    const trace = traceparent()
    const meta = {
      actor: 'service:carrier',
      correlationId: requestId,
      ...(trace !== undefined && { traceparent: trace }),
    }
    return commands.note(reference, { ...told, label }, { key: `carrier:notice:${id}`, meta })
  })
}

function fateOf({ before, changed }: Noted): Fate {
  if (changed) return 'recorded'
  if (before === 'ABSENT') return 'unknown'
  return before === 'CANCELLED' ? 'cancelled' : 'known'
}
