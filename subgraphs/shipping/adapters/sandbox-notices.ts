// Moves the sandbox carrier's parcels when they are due, and sends notices of it to shipping's webhook, at least once each.
import { randomUUID } from 'node:crypto'
import { parseJson } from '#platform/domain/json.ts'
import {
  createWebhookDelivery,
  type DeliverySettings,
  leaseUntil,
  type PostWebhook,
  retryAt,
  type WebhookDelivery,
} from '#platform/webhooks/delivery.ts'
import { type CarrierNotices, failedSchema, MAX_NOTICES } from '#subgraphs/shipping/adapters/carrier.ts'
import type {
  ClaimedParcel,
  Parcels,
  SentNotice,
} from '#subgraphs/shipping/adapters/sandbox-parcels.postgres.ts'
import { STEP_TEXTS, stepAt } from '#subgraphs/shipping/adapters/sandbox-scenarios.ts'

/** Batches that are not full start at most this often, so that notices gather into calls. */
const BATCH_MS = 25

type NoticesOptions = DeliverySettings & { readonly parcels: Parcels; readonly stepMs: number }

/** The results of a batch are recorded with the statement that claims the next one, and those of the last when it stops. */
export function createNotices(options: NoticesOptions): WebhookDelivery {
  const { parcels, now } = options
  let sent: SentNotice[] = []
  const claim = (limit: number): Promise<ClaimedParcel[]> => {
    const at = now()
    return parcels.claim({ sent, now: at, leaseUntil: leaseUntil(at), limit })
  }
  const delivery = createWebhookDelivery({
    ...options,
    connections: 1,
    batch: MAX_NOTICES,
    spacingMs: BATCH_MS,
    task: 'sandbox carrier: moving parcels',
    async sendDue(post) {
      const recorded = sent
      const claimed = await claim(MAX_NOTICES)
      // The statement that records a step does not see yet that the next one is due: it is claimed by another.
      for (const { nextAt } of recorded) if (nextAt && nextAt <= now()) delivery.expect(nextAt)
      sent = claimed.length > 0 ? await sendBatch(claimed, options, post) : []
      for (const { nextAt } of sent) if (nextAt) delivery.expect(nextAt)
      return claimed.length
    },
  })
  return {
    ...delivery,
    async stop() {
      await delivery.stop()
      if (sent.length > 0) await claim(0).catch(() => {}) // they are sent again, and change nothing
      sent = []
    },
  }
}

async function sendBatch(
  parcels: readonly ClaimedParcel[],
  options: NoticesOptions,
  post: PostWebhook,
): Promise<SentNotice[]> {
  const failed = await send(toNotices(parcels), options, post)
  const at = options.now()
  return parcels.map(parcel => {
    const { reference, step } = parcel
    if (failed.has(noticeId(parcel)))
      return { reference, step, taken: false, nextAt: retryAt(parcel.attempts, at) }
    const isLast = stepAt(parcel.journey, step + 1) === undefined
    const pauseMs = parcel.atOnce ? 0 : options.stepMs
    return { reference, step, taken: true, nextAt: isLast ? null : new Date(at.getTime() + pauseMs) }
  })
}

/** Returns the ids of the notices that were not taken: none after a 2xx, else those that the response names, else all. */
async function send(
  notices: CarrierNotices,
  { logger }: NoticesOptions,
  post: PostWebhook,
): Promise<ReadonlySet<string>> {
  const all = new Set(notices.events.map(({ id }) => id))
  try {
    const { statusCode, text } = await post(notices)
    if (statusCode < 300) return new Set()
    logger.warn({ statusCode }, 'sandbox carrier: the webhook refused notices, they are sent again')
    const named = statusCode === 503 ? failedSchema.safeParse(parseJson(text)) : undefined
    return named?.success ? new Set(named.data.error.failed) : all
  } catch (err) {
    logger.warn({ err }, 'sandbox carrier: the webhook did not respond, the notices are sent again')
    return all
  }
}

function toNotices(parcels: readonly ClaimedParcel[]): CarrierNotices {
  const events = parcels.flatMap(parcel => {
    const status = stepAt(parcel.journey, parcel.step)
    if (!status) return []
    const { reference, trackingNumber, stepAt: at, estimatedDelivery } = parcel
    const text = STEP_TEXTS[status]
    const times = { at: at.toISOString(), estimatedDelivery: estimatedDelivery.toISOString() }
    return [{ id: noticeId(parcel), reference, trackingNumber, status, text, ...times }]
  })
  return { id: randomUUID(), events }
}

/** Returns the same id each time a notice is sent. */
function noticeId({ trackingNumber, step }: ClaimedParcel): string {
  return `${trackingNumber}-${step + 1}`
}
