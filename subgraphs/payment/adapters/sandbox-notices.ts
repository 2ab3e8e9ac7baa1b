// Sends the sandbox provider's notices to payment's webhook when they are due, at least once each.
import type { Logger } from '#platform/telemetry/logger.ts'
import {
  createAlarm,
  createWebhookSender,
  FIRST_RETRY_MS,
  idleMs,
  LEASE_MS,
  retryAt,
  type WebhookSender,
  type WebhookTarget,
} from '#platform/webhooks/delivery.ts'
import type { ProviderNotice } from '#subgraphs/payment/adapters/payment-provider.ts'
import type { ClaimedNotice, Ledger } from '#subgraphs/payment/adapters/sandbox-ledger.postgres.ts'

/** The most notices claimed at once, and calls under way at once. */
const BATCH = 32
const CONNECTIONS = 8

export type SandboxNotices = AsyncDisposable & {
  /** A notice will be due at `at`, which may be earlier than was known. */
  expect(at: Date): void
}

type NoticesOptions = WebhookTarget & { readonly ledger: Ledger; readonly logger: Logger }
type Sending = NoticesOptions & { readonly sender: WebhookSender }

/** Runs until disposed, which lets calls under way end and records how they went. */
export function startNotices(options: NoticesOptions): SandboxNotices {
  const sender = createWebhookSender(options, CONNECTIONS)
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

async function run(sending: Sending, alarm: ReturnType<typeof createAlarm>): Promise<void> {
  const { ledger, now, logger } = sending
  while (!alarm.isStopped()) {
    try {
      const sent = await sendDue(sending)
      if (sent < BATCH) await alarm.sleep(idleMs(await ledger.nextDue(), now()))
    } catch (err) {
      logger.warn({ err }, `sandbox provider: sending notices failed, retrying in ${FIRST_RETRY_MS} ms`)
      await alarm.sleep(FIRST_RETRY_MS)
    }
  }
}

/** Returns how many notices were due. */
async function sendDue(sending: Sending): Promise<number> {
  const { ledger, now } = sending
  const at = now()
  const claimed = await ledger.claim(at, new Date(at.getTime() + LEASE_MS), BATCH)
  if (claimed.length === 0) return 0
  const results = await Promise.all(
    claimed.map(async notice => ({
      key: notice.key,
      againAt: (await isTaken(notice, sending)) ? null : retryAt(notice.attempts, now()),
    })),
  )
  await ledger.recordSent(results)
  return claimed.length
}

async function isTaken(notice: ClaimedNotice, { sender, logger }: Sending): Promise<boolean> {
  try {
    const { statusCode } = await sender.send(toNotice(notice))
    if (statusCode < 300) return true
    logger.warn({ statusCode }, 'sandbox provider: the webhook refused a notice, it is sent again')
  } catch (err) {
    logger.warn({ err }, 'sandbox provider: the webhook did not respond, the notice is sent again')
  }
  return false
}

/** Returns the same notice each time it is sent. */
function toNotice({ reference, tenderId, providerRef, approval }: ClaimedNotice): ProviderNotice {
  const about = { id: `ntc_${providerRef}`, reference, tenderId, providerRef }
  return approval === 'approved'
    ? { ...about, type: 'payment.approved' }
    : { ...about, type: 'payment.declined', code: 'approval_declined', retryable: false }
}
