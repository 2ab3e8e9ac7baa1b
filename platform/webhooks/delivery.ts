// Delivers the signed webhooks of a table when they are due, and retries them until they are accepted.
import { type HttpClient, openHttpClient, textOf } from '#platform/http/http-client.ts'
import { createWakeSignal, fullJitter } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'

const CALL_TIMEOUT_MS = 10_000
/** Longer than a call: what a killed process had claimed is delivered by another after this. */
const LEASE_MS = 15_000
/** The table is looked at this often even with nothing due, for what other processes put into it. */
const IDLE_MS = 5_000
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
  /** Sends what is due, and returns how long nothing more is to be done: 0 when more is due. */
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
  const { now, logger, task, connections, sendDue } = options
  const wakeSignal = createWakeSignal()
  let running: Promise<void> | undefined
  let stopped = false
  let planned = Number.POSITIVE_INFINITY
  const run = async (url: string): Promise<void> => {
    const client = openHttpClient({ url, connections })
    const post: PostWebhook = content => send(client, options, content)
    while (!stopped) {
      const pauseMs = await sendDue(post).catch(err => {
        logger.warn({ err }, `${task} failed, retrying in ${FIRST_RETRY_MS} ms`)
        return FIRST_RETRY_MS
      })
      planned = now().getTime() + pauseMs
      if (pauseMs > 0 && !stopped) await wakeSignal.wait(pauseMs)
      planned = Number.POSITIVE_INFINITY
    }
    await client[Symbol.asyncDispose]()
  }
  return {
    start(webhookUrl) {
      running = run(webhookUrl)
    },
    expect(at) {
      if (at.getTime() < planned) wakeSignal.notify()
    },
    async stop() {
      stopped = true
      wakeSignal.notify()
      await running
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

/** Returns how long nothing is to be done when the earliest webhook is due at `due`. */
export function idleMs(due: Date | undefined, now: Date): number {
  return due ? Math.min(Math.max(due.getTime() - now.getTime(), 0), IDLE_MS) : IDLE_MS
}

/** Returns when a webhook that was not taken `attempts` times before is sent again. */
export function retryAt(attempts: number, now: Date): Date {
  return new Date(now.getTime() + FIRST_RETRY_MS + fullJitter(attempts, FIRST_RETRY_MS, LAST_RETRY_MS))
}
