// Notifies listeners in this process and, through LISTEN and NOTIFY, in others. It is a hint: listeners poll as well.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'
import { type StoreLogger, withSession } from '#platform/postgres/pool.ts'
import { fullJitter, pauseUnlessAborted } from '#platform/resilience/backoff.ts'

/** `elsewhere` when another process is the cause, or when notifications may have been missed. */
type NotificationSource = 'here' | 'elsewhere'
type Listener = (source: NotificationSource) => void

export type Notifications<Topic extends string = string> = AsyncDisposable & {
  /** Calls listeners in this process at once, and in others soon. Calls within 10 ms become one. */
  notify(topic: Topic): void
  /** Calls `listener` on each notification of `topic`, and when some may have been missed. Returns a function that stops it. */
  listen(topic: Topic, listener: Listener): () => void
}

type NotificationsOptions = {
  readonly url: string
  /** The channel of LISTEN and NOTIFY: a name that needs no quoting. */
  readonly channel: string
  /**
   * Runs a statement in a session that commits without waiting for the disk: NOTIFY takes a lock of the whole server
   * until its commit is done, so that it gets transactions of its own.
   */
  readonly run: (text: string, values: readonly unknown[]) => Promise<unknown>
  readonly logger: StoreLogger | undefined
}

/** The least time between two NOTIFY statements of a process. */
const SPACING_MS = 10
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

export function openNotifications<Topic extends string>(options: NotificationsOptions): Notifications<Topic> {
  const self = v7()
  const closing = new AbortController()
  const listeners = new Map<string, Set<Listener>>()
  const outgoing = createOutgoing(options, self, closing.signal)

  function call(topic: string, source: NotificationSource): void {
    for (const listener of listeners.get(topic) ?? []) callSafely(() => listener(source), options.logger)
  }

  const listening = keepListening(options, closing.signal, payload => {
    if (payload === undefined) for (const topic of listeners.keys()) call(topic, 'elsewhere')
    else if (!payload.startsWith(self)) call(payload.slice(self.length + 1), 'elsewhere')
  })

  return {
    notify(topic) {
      call(topic, 'here')
      outgoing.add(topic)
    },
    listen(topic, listener) {
      const others = listeners.get(topic) ?? new Set()
      listeners.set(topic, others.add(listener))
      return () => {
        others.delete(listener)
        if (others.size === 0 && listeners.get(topic) === others) listeners.delete(topic)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([outgoing.sent(), listening])
    },
  }
}

/** Sends topics to other processes in one statement at a time. A payload is `self`, a space, and the topic. */
function createOutgoing({ channel, run }: NotificationsOptions, self: string, closing: AbortSignal) {
  const topics = new Set<string>()
  let sending = Promise.resolve()
  let isSending = false

  async function send(): Promise<void> {
    while (topics.size > 0) {
      const payloads = [...topics].map(topic => `${self} ${topic}`)
      topics.clear()
      try {
        await run(`SELECT pg_notify('${channel}', payload) FROM unnest($1::text[]) AS payload`, [payloads])
      } catch {
        // The database is away: listeners poll, and are called when sessions are back.
      }
      if (!closing.aborted) await delay(SPACING_MS)
    }
    isSending = false
  }

  return {
    sent: () => sending,
    add(topic: string): void {
      topics.add(topic)
      if (isSending) return
      isSending = true
      sending = send()
    },
  }
}

function callSafely(listener: () => void, logger: StoreLogger | undefined): void {
  try {
    listener()
  } catch (error) {
    logger?.error({ err: error }, 'a listener for notifications threw, other listeners are still called')
  }
}

/** Called with undefined when a session begins to listen: notifications before that may have been missed. */
type PayloadListener = (payload: string | undefined) => void

/** Holds one LISTEN session, and opens another whenever it is lost. */
async function keepListening(
  options: NotificationsOptions,
  closing: AbortSignal,
  onPayload: PayloadListener,
): Promise<void> {
  let failures = 0
  while (!closing.aborted) {
    try {
      await listenOnce(options, closing, payload => {
        if (payload === undefined) failures = 0
        onPayload(payload)
      })
    } catch (error) {
      if (closing.aborted) return
      failures += 1
      if (failures === 1)
        options.logger?.warn({ err: error }, 'LISTEN session lost, polling until another is open')
    }
    const pause = FIRST_RETRY_MS / 2 + fullJitter(failures, FIRST_RETRY_MS, LAST_RETRY_MS)
    await pauseUnlessAborted(pause, closing)
  }
}

/** Throws when the session is lost, and when `closing` is aborted. */
async function listenOnce(
  { url, channel }: NotificationsOptions,
  closing: AbortSignal,
  onPayload: PayloadListener,
): Promise<void> {
  await withSession(
    url,
    async session => {
      const ended = once(session, 'end', { signal: closing })
      ended.catch(() => {}) // awaited below, once the session listens
      session.on('notification', ({ payload }) => onPayload(payload ?? ''))
      await session.query(`LISTEN ${channel}`)
      onPayload(undefined)
      await ended
      throw new Error('Connection terminated')
    },
    `${channel.replaceAll('_', '-')}-listener`,
  )
}
