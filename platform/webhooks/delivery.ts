// Delivers the signed webhooks of a table when they are due, and retries them until they are accepted.
import { Pool } from 'undici'
import { createWakeSignal, fullJitter } from '#platform/resilience/backoff.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'

const CALL_TIMEOUT_MS = 10_000
/** Longer than a call: what a killed process had claimed is delivered by another after this. */
export const LEASE_MS = 15_000
/** The table is looked at this often even with nothing due, for what other processes put into it. */
const IDLE_MS = 5_000
export const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 30_000

export type WebhookSender = AsyncDisposable & {
  /** Posts `content` as JSON. Throws when no response comes within ten seconds. */
  send(content: unknown): Promise<{ readonly statusCode: number; readonly text: string }>
}

export type WebhookTarget = {
  readonly webhookUrl: string
  /** Shared with the receiver. */
  readonly secret: string
  readonly now: () => Date
}

export function createWebhookSender(target: WebhookTarget, connections: number): WebhookSender {
  const { webhookUrl, secret, now } = target
  const { pathname: path, origin } = new URL(webhookUrl)
  const timeouts = { headersTimeout: CALL_TIMEOUT_MS, bodyTimeout: CALL_TIMEOUT_MS }
  const pool = new Pool(origin, { connections, ...timeouts })
  return {
    async send(content) {
      const body = JSON.stringify(content)
      const signature = { [SIGNATURE_HEADER]: signWebhook(secret, body, now()) }
      const headers = { 'content-type': 'application/json', ...signature }
      const response = await pool.request({ method: 'POST', path, headers, body })
      return { statusCode: response.statusCode, text: await response.body.text() }
    },
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** Sleeps until an instant, an earlier one that is announced meanwhile, or the end. For one sleeper. */
export type Alarm = {
  readonly isStopped: () => boolean
  sleep(ms: number): Promise<void>
  /** Announces that a webhook is due at `at`, which may be earlier than the next one known. */
  expect(at: Date): void
  stop(): void
}

export function createAlarm(now: () => Date): Alarm {
  const wakeSignal = createWakeSignal()
  let stopped = false
  let planned = Number.POSITIVE_INFINITY
  return {
    isStopped: () => stopped,
    async sleep(ms) {
      planned = now().getTime() + ms
      if (!stopped) await wakeSignal.wait(ms)
      planned = Number.POSITIVE_INFINITY
    },
    expect(at) {
      if (at.getTime() < planned) wakeSignal.notify()
    },
    stop() {
      stopped = true
      wakeSignal.notify()
    },
  }
}

/** Returns how long nothing is to be done when the earliest webhook is due at `due`. */
export function idleMs(due: Date | undefined, now: Date): number {
  return due ? Math.min(Math.max(due.getTime() - now.getTime(), 0), IDLE_MS) : IDLE_MS
}

/** Returns when a webhook that was not taken `attempts` times before is sent again. */
export function retryAt(attempts: number, now: Date): Date {
  return new Date(now.getTime() + FIRST_RETRY_MS + fullJitter(attempts, FIRST_RETRY_MS, LAST_RETRY_MS))
}
