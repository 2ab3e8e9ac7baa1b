// Sends the sandbox provider's notices to payment's webhook when they are due, at least once each.
import {
  createWebhookDelivery,
  type DeliverySettings,
  leaseUntil,
  type PostWebhook,
  retryAt,
  type WebhookDelivery,
} from '#platform/webhooks/delivery.ts'
import type { ProviderNotice } from '#subgraphs/payment/adapters/payment-provider.ts'
import type { ClaimedNotice, Ledger } from '#subgraphs/payment/adapters/sandbox-ledger.postgres.ts'

/** The most notices claimed at once, and calls under way at once. */
const BATCH = 32
const CONNECTIONS = 8

type NoticesOptions = DeliverySettings & { readonly ledger: Ledger }

export function createNotices(options: NoticesOptions): WebhookDelivery {
  const { ledger, now } = options
  const delivery = createWebhookDelivery({
    ...options,
    connections: CONNECTIONS,
    batch: BATCH,
    task: 'sandbox provider: sending notices',
    async sendDue(post) {
      const at = now()
      const claimed = await ledger.claim(at, leaseUntil(at), BATCH)
      const sending = claimed.map(async notice => ({
        key: notice.key,
        againAt: (await isTaken(notice, options, post)) ? null : retryAt(notice.attempts, now()),
      }))
      const sent = await Promise.all(sending)
      if (sent.length > 0) await ledger.recordSent(sent)
      for (const { againAt } of sent) if (againAt) delivery.expect(againAt)
      return sent.length
    },
  })
  return delivery
}

async function isTaken(
  notice: ClaimedNotice,
  { logger }: NoticesOptions,
  post: PostWebhook,
): Promise<boolean> {
  try {
    const { statusCode } = await post(toNotice(notice))
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
