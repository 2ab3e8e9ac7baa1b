// Tells the shop of approvals by signed webhooks, as the sandbox provider promises: when they are due, at least once.
import { Pool } from 'undici'
import { createWakeSignal, fullJitter } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'
import type { ProviderNotice } from './payment-provider.ts'
import type { ClaimedNotice, Ledger } from './sandbox-ledger.postgres.ts'

const CALL_TIMEOUT_MS = 10_000
/** Longer than a call: what a killed process had claimed is told by another after this. */
const LEASE_MS = 15_000
/** Notices claimed at once, and calls under way at once. */
const BATCH = 32
const CONNECTIONS = 8
/** The clock is looked at this often even with nothing due, for approvals that other processes took on. */
const IDLE_MS = 5_000
const RETRY_MS = { first: 250, most: 30_000 }

export type Notices = AsyncDisposable & {
  /** A notice will be due at `at`, which may be earlier than was known. */
  expect(at: Date): void
}

export type NoticesOptions = {
  readonly ledger: Ledger
  readonly webhookUrl: string
  readonly secret: string
  readonly now: () => Date
  readonly logger: Logger
}

/** Runs until disposed, which lets calls under way end and writes down how they went. */
export function startNotices(options: NoticesOptions): Notices {
  const { pathname, origin } = new URL(options.webhookUrl)
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    headersTimeout: CALL_TIMEOUT_MS,
    bodyTimeout: CALL_TIMEOUT_MS,
  })
  const wakeSignal = createWakeSignal()
  let stopped = false
  let planned = Number.POSITIVE_INFINITY
  const sleep = async (ms: number): Promise<void> => {
    planned = options.now().getTime() + ms
    if (!stopped) await wakeSignal.wait(ms)
    planned = Number.POSITIVE_INFINITY
  }
  const running = run({ ...options, pool, pathname, sleep, stopped: () => stopped })
  return {
    expect(at) {
      if (at.getTime() < planned) wakeSignal.notify()
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      wakeSignal.notify()
      await running
      await pool.close()
    },
  }
}

type Telling = NoticesOptions & { readonly pool: Pool; readonly pathname: string }
type Run = Telling & {
  readonly sleep: (ms: number) => Promise<void>
  readonly stopped: () => boolean
}

async function run({ sleep, stopped, ...telling }: Run): Promise<void> {
  while (!stopped()) {
    try {
      const told = await round(telling)
      if (told < BATCH) await sleep(await idleMs(telling))
    } catch (err) {
      telling.logger.warn({ err }, 'the sandbox provider could not send its notices; it tries again')
      await sleep(RETRY_MS.first)
    }
  }
}

async function round(telling: Telling): Promise<number> {
  const { ledger, now } = telling
  const at = now()
  const claimed = await ledger.claim(at, new Date(at.getTime() + LEASE_MS), BATCH)
  if (claimed.length === 0) return 0
  const told = await Promise.all(
    claimed.map(async notice => ({
      key: notice.key,
      againAt: (await tell(notice, telling)) ? null : againAt(notice, now()),
    })),
  )
  await ledger.settle(told)
  return claimed.length
}

async function idleMs({ ledger, now }: Telling): Promise<number> {
  const due = await ledger.nextDue()
  return due ? Math.min(Math.max(due.getTime() - now().getTime(), 0), IDLE_MS) : IDLE_MS
}

function againAt({ attempts }: ClaimedNotice, now: Date): Date {
  return new Date(now.getTime() + RETRY_MS.first + fullJitter(attempts, RETRY_MS.first, RETRY_MS.most))
}

/** Whether the shop took it. */
async function tell(
  notice: ClaimedNotice,
  { pool, pathname, secret, now, logger }: Telling,
): Promise<boolean> {
  const body = JSON.stringify(toNotice(notice))
  try {
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: pathname,
      headers: { 'content-type': 'application/json', [SIGNATURE_HEADER]: signWebhook(secret, body, now()) },
      body,
    })
    await answer.dump()
    if (statusCode < 300) return true
    logger.warn({ statusCode }, 'the webhook of the sandbox provider was not taken; it is sent again')
  } catch (err) {
    logger.warn({ err }, 'the webhook of the sandbox provider got no answer; it is sent again')
  }
  return false
}

/** The same each time it is sent. */
function toNotice({ reference, tenderId, providerRef, approval }: ClaimedNotice): ProviderNotice {
  const about = { id: `ntc_${providerRef}`, reference, tenderId, providerRef }
  return approval === 'approved'
    ? { ...about, type: 'payment.approved' }
    : { ...about, type: 'payment.declined', code: 'approval_declined', retryable: false }
}
