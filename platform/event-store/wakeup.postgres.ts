// Wakes readers in this process and, through NOTIFY, in others. A hint only: whoever depends on it polls as well.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { v7 } from 'uuid'
import { fullJitter } from '#platform/event-store/bell.ts'
import type { Sessions, StoreLogger } from '#platform/event-store/sessions.postgres.ts'

/** What a wake-up is about: new events, or a consumer's lease or dead letters. */
export type Topic = 'events' | `consumer ${string}`

export type Wakeups = AsyncDisposable & {
  /** Wakes listeners here at once, and elsewhere soon. Many calls within a moment become one. */
  announce(topic: Topic): void
  listen(topic: Topic, listener: () => void): () => void
}

const CHANNEL = 'waybill_event_store'
/** The least time between two notifications of a process. */
const SPACING_MS = 5
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

export function openWakeups(sessions: Sessions, logger: StoreLogger | undefined): Wakeups {
  const self = v7()
  const closing = new AbortController()
  const listeners = new Map<Topic, Set<() => void>>()
  const outgoing = new Set<Topic>()
  let sending = Promise.resolve()
  let isSending = false

  function wake(topic: Topic): void {
    for (const listener of listeners.get(topic) ?? []) callSafely(listener, logger)
  }

  /** NOTIFY takes a lock of the whole server at commit, so it has transactions of its own, which wait for no disk. */
  async function send(): Promise<void> {
    while (outgoing.size > 0) {
      const payloads = [...outgoing].map(topic => `${self} ${topic}`)
      outgoing.clear()
      await sessions
        .soft(`SELECT pg_notify('${CHANNEL}', payload) FROM unnest($1::text[]) AS payload`, [payloads])
        .catch(() => {}) // the database is away: everybody polls, and is woken when sessions are back
      if (!closing.signal.aborted) await delay(SPACING_MS)
    }
    isSending = false
  }

  const listening = keepListening(sessions.url, closing.signal, logger, payload => {
    if (payload === undefined) for (const topic of listeners.keys()) wake(topic)
    else if (!payload.startsWith(self)) wake(toTopic(payload.slice(self.length + 1)))
  })

  return {
    announce(topic) {
      wake(topic)
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
        if (those.size === 0) listeners.delete(topic)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([sending, listening])
    },
  }
}

function toTopic(text: string): Topic {
  return text.startsWith('consumer ') ? `consumer ${text.slice('consumer '.length)}` : 'events'
}

function callSafely(listener: () => void, logger: StoreLogger | undefined): void {
  try {
    listener()
  } catch (error) {
    logger?.error({ err: error }, 'a listener for new events threw')
  }
}

/** Holds one LISTEN session, and opens another whenever it is lost; `undefined` says that some may have been missed. */
async function keepListening(
  url: string,
  closing: AbortSignal,
  logger: StoreLogger | undefined,
  onPayload: (payload: string | undefined) => void,
): Promise<void> {
  let failures = 0
  while (!closing.aborted) {
    try {
      await listenOnce(url, closing, onPayload, () => {
        failures = 0
      })
    } catch (error) {
      failures += 1
      if (failures === 1)
        logger?.warn({ err: error }, 'the wake-up session was lost; polling until it is back')
    }
    const pause = FIRST_RETRY_MS / 2 + fullJitter(failures, FIRST_RETRY_MS, LAST_RETRY_MS)
    await delay(pause, undefined, { signal: closing }).catch(() => {})
  }
}

async function listenOnce(
  url: string,
  closing: AbortSignal,
  onPayload: (payload: string | undefined) => void,
  onReady: () => void,
): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    application_name: 'waybill-event-store-listener',
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
    await client.query(`LISTEN ${CHANNEL}`)
    onReady()
    onPayload(undefined)
    await lost
  } finally {
    closing.removeEventListener('abort', stop)
    await client.end().catch(() => {})
  }
}
