// The sandbox carrier's rounds: moves the parcels that are due and tells the shop by signed webhooks, at least once.
import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { createWakeSignal, fullJitter } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'
import { type CarrierNotices, failedSchema, MAX_NOTICES } from './carrier.ts'
import type { ClaimedParcel, Parcels, Told } from './sandbox-parcels.postgres.ts'
import { STEP_TEXTS, stepAt } from './sandbox-scenarios.ts'

const CALL_TIMEOUT_MS = 10_000
/** Longer than a call: what a killed process had claimed is told by another after this. */
const LEASE_MS = 15_000
/** Rounds that are not full start at most this often, so that notices gather into calls. */
const ROUND_MS = 25
/** The clock is looked at this often even with nothing due, for parcels that other processes book. */
const IDLE_MS = 5_000
const RETRY_MS = { first: 250, most: 30_000 }

export type Rounds = AsyncDisposable & {
  /** A notice is due at `at`, which may be earlier than was known. */
  expect(at: Date): void
}

export type RoundsOptions = {
  readonly parcels: Parcels
  readonly webhookUrl: string
  readonly secret: string
  readonly stepMs: number
  readonly now: () => Date
  readonly logger: Logger
}

/** Runs until disposed, which lets a call under way end and writes down how it went. */
export function startRounds(options: RoundsOptions): Rounds {
  const { pathname, origin } = new URL(options.webhookUrl)
  const pool = new Pool(origin, {
    connections: 1,
    headersTimeout: CALL_TIMEOUT_MS,
    bodyTimeout: CALL_TIMEOUT_MS,
  })
  const alarm = createAlarm(options.now)
  const tell = (parcels: readonly ClaimedParcel[]) => tellShop(parcels, { ...options, pool, pathname })
  const running = run({ ...options, tell, alarm })
  return {
    expect: at => alarm.expect(at.getTime()),
    async [Symbol.asyncDispose]() {
      alarm.stop()
      await running
      await pool.close()
    },
  }
}

type Alarm = ReturnType<typeof createAlarm>

/** Sleeps until an instant, an earlier one that is announced meanwhile, or the end. For one sleeper. */
function createAlarm(now: () => Date) {
  const wakeSignal = createWakeSignal()
  let stopped = false
  let planned = Number.POSITIVE_INFINITY
  return {
    stopped: () => stopped,
    async sleep(ms: number): Promise<void> {
      planned = now().getTime() + ms
      if (!stopped) await wakeSignal.wait(ms)
      planned = Number.POSITIVE_INFINITY
    },
    expect(at: number): void {
      if (at < planned) wakeSignal.notify()
    },
    stop(): void {
      stopped = true
      wakeSignal.notify()
    },
  }
}

type Run = RoundsOptions & {
  readonly tell: (parcels: readonly ClaimedParcel[]) => Promise<Told[]>
  readonly alarm: Alarm
}

async function run({ parcels, tell, alarm, now, logger }: Run): Promise<void> {
  let told: Told[] = []
  const round = async (limit: number): Promise<ClaimedParcel[]> => {
    const at = now()
    const claimed = await parcels.round({
      told,
      now: at,
      leaseUntil: new Date(at.getTime() + LEASE_MS),
      limit,
    })
    told = []
    return claimed
  }
  while (!alarm.stopped()) {
    try {
      const claimed = await round(MAX_NOTICES)
      if (claimed.length > 0) told = await tell(claimed)
      if (claimed.length < MAX_NOTICES)
        await alarm.sleep(claimed.length > 0 ? ROUND_MS : await idleMs(parcels, now))
    } catch (err) {
      logger.warn({ err }, 'the sandbox carrier could not do a round; it tries again')
      await alarm.sleep(RETRY_MS.first)
    }
  }
  if (told.length > 0) await round(0).catch(() => {}) // what is left unsettled is told again, and changes nothing
}

async function idleMs(parcels: Parcels, now: () => Date): Promise<number> {
  const due = await parcels.nextDue()
  return due ? Math.min(Math.max(due.getTime() - now().getTime(), 0), IDLE_MS) : IDLE_MS
}

type Telling = RoundsOptions & { readonly pool: Pool; readonly pathname: string }

async function tellShop(parcels: readonly ClaimedParcel[], telling: Telling): Promise<Told[]> {
  const unheard = await call(toNotices(parcels), telling)
  const at = telling.now().getTime()
  return parcels.map(parcel => {
    const { reference, step } = parcel
    if (unheard.has(noticeId(parcel)))
      return {
        reference,
        step,
        heard: false,
        nextAt: new Date(at + RETRY_MS.first + fullJitter(parcel.attempts, RETRY_MS.first, RETRY_MS.most)),
      }
    const last = stepAt(parcel.journey, step + 1) === undefined
    const pause = parcel.atOnce ? 0 : telling.stepMs
    return { reference, step, heard: true, nextAt: last ? null : new Date(at + pause) }
  })
}

/** The notices that the shop did not keep: none when it answers 2xx, else those it names, else all. */
async function call(notices: CarrierNotices, telling: Telling): Promise<ReadonlySet<string>> {
  const all = new Set(notices.events.map(({ id }) => id))
  const body = JSON.stringify(notices)
  try {
    const { statusCode, body: answer } = await telling.pool.request({
      method: 'POST',
      path: telling.pathname,
      headers: {
        'content-type': 'application/json',
        [SIGNATURE_HEADER]: signWebhook(telling.secret, body, telling.now()),
      },
      body,
    })
    const text = await answer.text()
    if (statusCode < 300) return new Set()
    telling.logger.warn({ statusCode }, 'the webhook of the sandbox carrier was not taken; it is sent again')
    const named = statusCode === 503 ? failedSchema.safeParse(parse(text)) : undefined
    return named?.success ? new Set(named.data.error.failed) : all
  } catch (err) {
    telling.logger.warn({ err }, 'sandbox carrier: the webhook got no answer; it is sent again')
    return all
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
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

/** The same each time a notice is sent. */
function noticeId({ trackingNumber, step }: ClaimedParcel): string {
  return `${trackingNumber}-${step + 1}`
}
