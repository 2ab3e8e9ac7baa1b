// Delivers the signed webhooks of a table when they are due, and retries them until they are accepted.
import { setTimeout as delay } from 'node:timers/promises'
import { type HttpClient, openHttpClient, textOf } from '#platform/http/http-client.ts'
import { createWakeSignal, fullJitter } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'

const CALL_TIMEOUT_MS = 10_000
/** Longer than a call: what a killed process had claimed is delivered by another after this. */
const LEASE_MS = 15_000
/**
 * The table is looked at even when nothing is expected, for what other processes left in it: after a batch this soon, and
 * twice as late each time that nothing was due.
 */
const FIRST_LOOK_MS = 2_000
const LAST_LOOK_MS = 60_000
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000

/** Posts `content` as signed JSON. Throws when no response comes within ten seconds. */
export type PostWebhook = (
  content: unknown,
) => Promise<{ readonly statusCode: number; readonly text: string }>

export type DeliverySettings = {
  /** Shared with the receiver. */
  readonly webhookSecret: string
  readonly now: () => Date
  readonly logger: Logger
}

type DeliveryOptions = DeliverySettings & {
  /** The most calls under way at once. */
  readonly connections: number
  /** Names what is done, in the log of a failure. */
  readonly task: string
  /** The most webhooks of one call of `sendDue`. */
  readonly batch: number
  /** Batches that are not full start at most this often, so that webhooks gather; 0 by default. */
  readonly spacingMs?: number
  /** Sends what is due, up to a batch, and returns how many that were. It `expect`s those that follow. */
  sendDue(post: PostWebhook): Promise<number>
}

export type WebhookDelivery = {
  /** Begins to send to `webhookUrl`. Called once. */
  start(webhookUrl: string): void
  /** Announces that a webhook is due at `at`, which may be earlier than the next one known. */
  expect(at: Date): void
  /** Stops after the calls under way have ended, and it is recorded how they went. */
  stop(): Promise<void>
}

export function createWebhookDelivery(options: DeliveryOptions): WebhookDelivery {
  const { connections, batch, now, spacingMs = 0 } = options
  const plan = createPlan(now)
  let running: Promise<void> | undefined
  const run = async (url: string): Promise<void> => {
    const client = openHttpClient({ url, connections })
    const post: PostWebhook = content => send(client, options, content)
    while (!plan.isStopped()) {
      const began = plan.begin()
      const sent = await sendBatch(options, plan, post)
      if (sent === batch) continue
      const restMs = began + spacingMs - now().getTime()
      if (restMs > 0) await delay(restMs)
      await plan.nextDue()
    }
    await client[Symbol.asyncDispose]()
  }
  return {
    start(webhookUrl) {
      running = run(webhookUrl)
    },
    expect: plan.expect,
    async stop() {
      plan.stop()
      await running
    },
  }
}

/** Returns how many were sent; 0 after a failure, which is tried again soon. */
async function sendBatch(
  { sendDue, now, logger, task }: DeliveryOptions,
  plan: Plan,
  post: PostWebhook,
): Promise<number> {
  try {
    const sent = await sendDue(post)
    plan.looked(sent)
    return sent
  } catch (err) {
    logger.warn({ err }, `${task} failed, retrying in ${FIRST_RETRY_MS} ms`)
    plan.expect(new Date(now().getTime() + FIRST_RETRY_MS))
    return 0
  }
}

type Plan = ReturnType<typeof createPlan>

/** Knows when to look at the table next. */
function createPlan(now: () => Date) {
  const wakeSignal = createWakeSignal()
  let expected: number[] = []
  let lookMs = FIRST_LOOK_MS
  let stopped = false
  return {
    expect(at: Date): void {
      expected.push(at.getTime())
      wakeSignal.notify()
    },
    isStopped: () => stopped,
    stop(): void {
      stopped = true
      wakeSignal.notify()
    },
    /** Forgets what is due by now, which is returned: it is about to be sent. */
    begin(): number {
      const at = now().getTime()
      expected = expected.filter(due => due > at)
      return at
    },
    looked(found: number): void {
      lookMs = found > 0 ? FIRST_LOOK_MS : Math.min(lookMs * 2, LAST_LOOK_MS)
    },
    /** Resolves when something is expected to be due, it is time to look, or it is stopped. */
    async nextDue(): Promise<void> {
      const look = now().getTime() + lookMs
      while (!stopped) {
        const at = now().getTime()
        const next = expected.reduce((first, due) => Math.min(first, due), look)
        if (next <= at) return
        await wakeSignal.wait(next - at)
      }
    },
  }
}

async function send(
  client: HttpClient,
  { webhookSecret, now }: DeliverySettings,
  content: unknown,
): ReturnType<PostWebhook> {
  const body = JSON.stringify(content)
  const signature = { [SIGNATURE_HEADER]: signWebhook(webhookSecret, body, now()) }
  const headers = { 'content-type': 'application/json', ...signature }
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS)
  const { status, bytes } = await client.send({ method: 'POST', headers, body, signal })
  return { statusCode: status, text: textOf(bytes) }
}

/** Returns until when a webhook that is claimed now is left to the process that claims it. */
export function leaseUntil(now: Date): Date {
  return new Date(now.getTime() + LEASE_MS)
}

/** Returns when a webhook that was not taken `attempts` times before is sent again. */
export function retryAt(attempts: number, now: Date): Date {
  return new Date(now.getTime() + FIRST_RETRY_MS + fullJitter(attempts, FIRST_RETRY_MS, LAST_RETRY_MS))
}
