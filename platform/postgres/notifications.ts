// Wakes readers in this process and, through NOTIFY, in others. A hint only: whoever depends on it polls as well.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { v7 } from 'uuid'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

export type Notifications<Topic extends string = string> = AsyncDisposable & {
  /** Wakes listeners here at once, and elsewhere soon. Many calls within a moment become one. */
  notify(topic: Topic): void
  /**
   * `listener` is also called when wake-ups may have been missed; `elsewhere` is true then, and when another process is
   * the cause. Returns how to stop.
   */
  listen(topic: Topic, listener: (elsewhere: boolean) => void): () => void
}

export type NotificationsOptions = {
  readonly url: string
  /** What NOTIFY goes by; a name that needs no quoting. */
  readonly channel: string
  /**
   * Runs a statement in a session that commits without waiting for the disk: NOTIFY takes a lock of the whole server
   * until its commit is done, so that it gets transactions of its own.
   */
  readonly run: (text: string, values: readonly unknown[]) => Promise<unknown>
  readonly logger: StoreLogger | undefined
}

/** The least time between two notifications of a process. */
const SPACING_MS = 10
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

export function openNotifications<Topic extends string>(options: NotificationsOptions): Notifications<Topic> {
  const { channel, logger } = options
  const self = v7()
  const closing = new AbortController()
  const listeners = new Map<string, Set<(elsewhere: boolean) => void>>()
  const outgoing = new Set<string>()
  let sending = Promise.resolve()
  let isSending = false

  function wake(topic: string, elsewhere: boolean): void {
    for (const listener of listeners.get(topic) ?? []) callSafely(() => listener(elsewhere), logger)
  }

  async function send(): Promise<void> {
    while (outgoing.size > 0) {
      const payloads = [...outgoing].map(topic => `${self} ${topic}`)
      outgoing.clear()
      await options
        .run(`SELECT pg_notify('${channel}', payload) FROM unnest($1::text[]) AS payload`, [payloads])
        .catch(() => {}) // the database is away: everybody polls, and is woken when sessions are back
      if (!closing.signal.aborted) await delay(SPACING_MS)
    }
    isSending = false
  }

  const listening = keepListening(options, closing.signal, payload => {
    if (payload === undefined) for (const topic of listeners.keys()) wake(topic, true)
    else if (!payload.startsWith(self)) wake(payload.slice(self.length + 1), true)
  })

  return {
    notify(topic) {
      wake(topic, false)
      outgoing.add(topic)
      if (isSending) return
      isSending = true
      sending = send()
    },
    listen(topic, listener) {
      const those = listeners.get(topic) ?? new Set()
      listeners.set(topic, those.add(listener))
      return () => {
        those.delete(listener)
        if (those.size === 0 && listeners.get(topic) === those) listeners.delete(topic)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([sending, listening])
    },
  }
}

function callSafely(listener: () => void, logger: StoreLogger | undefined): void {
  try {
    listener()
  } catch (error) {
    logger?.error({ err: error }, 'a listener for wake-ups threw')
  }
}

type OnPayload = (payload: string | undefined) => void

/** Holds one LISTEN session, and opens another whenever it is lost; `undefined` says that some may have been missed. */
async function keepListening(
  options: NotificationsOptions,
  closing: AbortSignal,
  onPayload: OnPayload,
): Promise<void> {
  let failures = 0
  while (!closing.aborted) {
    try {
      await listenOnce(options, closing, onPayload, () => {
        failures = 0
      })
    } catch (error) {
      failures += 1
      if (failures === 1)
        options.logger?.warn({ err: error }, 'the wake-up session was lost; polling until it is back')
    }
    const pause = FIRST_RETRY_MS / 2 + fullJitter(failures, FIRST_RETRY_MS, LAST_RETRY_MS)
    await delay(pause, undefined, { signal: closing }).catch(() => {})
  }
}

async function listenOnce(
  { url, channel }: NotificationsOptions,
  closing: AbortSignal,
  onPayload: OnPayload,
  onReady: () => void,
): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    application_name: `${channel.replaceAll('_', '-')}-listener`,
  })
  let stop = () => {}
  const lost = new Promise<void>((resolve, reject) => {
    client.once('error', reject)
    client.once('end', () => reject(new Error('Connection terminated')))
    stop = resolve
  })
  closing.addEventListener('abort', stop)
  lost.catch(() => {})
  client.on('error', () => {}) // further errors of a session that is lost already
  client.on('notification', ({ payload }) => onPayload(payload ?? ''))
  try {
    await client.connect()
    await client.query(`LISTEN ${channel}`)
    onReady()
    onPayload(undefined)
    await lost
  } finally {
    closing.removeEventListener('abort', stop)
    await client.end().catch(() => {})
  }
}
