// Starts a payment service for tests, with webhooks and a readable log.
import { createLogger } from '#platform/telemetry/logger.ts'
import { signWebhook } from '#platform/webhooks/signature.ts'
import { type PaymentConfig, startPayment } from '#subgraphs/payment/service.ts'
import { type freshDatabases, type RunningSubgraph, runSubgraph } from '#test/fixtures/subgraph.ts'

type Signing = { readonly secret?: string; readonly at?: Date }

export type Running = RunningSubgraph & {
  readonly log: string[]
  /** Sends a notice as the provider would; answers the status. */
  notify(notice: object, signing?: Signing): Promise<number>
}

const WEBHOOK_SECRET = 'a secret of the tests'

export async function runPayment(
  settings: Partial<Pick<PaymentConfig, 'providerUrl' | 'sandboxApprovalMs'>> = {},
  databases?: Awaited<ReturnType<typeof freshDatabases>>,
): Promise<Running> {
  const log: string[] = []
  const destination = { write: (line: string) => void log.push(line) }
  const logger = createLogger({ service: 'payment', level: 'debug', destination })
  const own = { webhookSecret: WEBHOOK_SECRET, sandboxApprovalMs: 20, ...settings }
  const running = await runSubgraph({ name: 'payment', logger, now: () => new Date(), databases }, config =>
    startPayment({ ...config, ...own }),
  )
  return { ...running, log, notify: (notice, signing = {}) => notify(running.url, notice, signing) }
}

async function notify(url: string, notice: object, { secret = WEBHOOK_SECRET, at = new Date() }: Signing) {
  const body = JSON.stringify(notice)
  const headers = {
    'content-type': 'application/json',
    'waybill-signature': signWebhook(secret, body, at),
  }
  return (await fetch(`${url}/webhooks/payment`, { method: 'POST', headers, body })).status
}
