// Moves the sandbox carrier's parcels when they are due, and sends notices of it to shipping's webhook, at least once each.
import { randomUUID } from 'node:crypto'
import { parseJson } from '#platform/domain/json.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import {
  type Alarm,
  createAlarm,
  createWebhookSender,
  FIRST_RETRY_MS,
  idleMs,
  LEASE_MS,
  retryAt,
  type WebhookSender,
  type WebhookTarget,
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

export type SandboxNotices = AsyncDisposable & {
  /** A notice is due at `at`, which may be earlier than was known. */
  expect(at: Date): void
}

type NoticesOptions = WebhookTarget & {
  readonly parcels: Parcels
  readonly stepMs: number
  readonly logger: Logger
}
type Sending = NoticesOptions & { readonly sender: WebhookSender }

/** Runs until disposed, which lets a call under way end and records how it went. */
export function startNotices(options: NoticesOptions): SandboxNotices {
  const sender = createWebhookSender(options, 1)
  const alarm = createAlarm(options.now)
  const running = run({ ...options, sender }, alarm)
  return {
    expect: alarm.expect,
    async [Symbol.asyncDispose]() {
      alarm.stop()
      await running
      await sender[Symbol.asyncDispose]()
    },
  }
}

/** The results of a batch are recorded with the statement that claims the next one. */
async function run(sending: Sending, alarm: Alarm): Promise<void> {
  const { parcels, now, logger } = sending
  let sent: SentNotice[] = []
  while (!alarm.isStopped()) {
    try {
      const claimed = await claim(sending, sent, MAX_NOTICES)
      sent = claimed.length > 0 ? await sendBatch(claimed, sending) : []
      if (claimed.length < MAX_NOTICES)
        await alarm.sleep(claimed.length > 0 ? BATCH_MS : idleMs(await parcels.nextDue(), now()))
    } catch (err) {
      logger.warn({ err }, `sandbox carrier: moving parcels failed, retrying in ${FIRST_RETRY_MS} ms`)
      await alarm.sleep(FIRST_RETRY_MS)
    }
  }
  if (sent.length > 0) await claim(sending, sent, 0).catch(() => {}) // they are sent again, and change nothing
}

async function claim(
  { parcels, now }: Sending,
  sent: readonly SentNotice[],
  limit: number,
): Promise<ClaimedParcel[]> {
  const at = now()
  return parcels.claim({ sent, now: at, leaseUntil: new Date(at.getTime() + LEASE_MS), limit })
}

async function sendBatch(parcels: readonly ClaimedParcel[], sending: Sending): Promise<SentNotice[]> {
  const failed = await send(toNotices(parcels), sending)
  const at = sending.now()
  return parcels.map(parcel => {
    const { reference, step } = parcel
    if (failed.has(noticeId(parcel)))
      return { reference, step, taken: false, nextAt: retryAt(parcel.attempts, at) }
    const isLast = stepAt(parcel.journey, step + 1) === undefined
    const pauseMs = parcel.atOnce ? 0 : sending.stepMs
    return { reference, step, taken: true, nextAt: isLast ? null : new Date(at.getTime() + pauseMs) }
  })
}

/** Returns the ids of the notices that were not taken: none after a 2xx, else those that the response names, else all. */
async function send(notices: CarrierNotices, { sender, logger }: Sending): Promise<ReadonlySet<string>> {
  const all = new Set(notices.events.map(({ id }) => id))
  try {
    const { statusCode, text } = await sender.send(notices)
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
