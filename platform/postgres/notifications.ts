// Notifies listeners in this process and, through LISTEN and NOTIFY, in others. It is a hint: listeners poll as well.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { v7 } from 'uuid'
import { type StoreLogger, withSession } from '#platform/postgres/pool.ts'
import { fullJitter, pauseUnlessAborted } from '#platform/resilience/backoff.ts'

/** `elsewhere` when another process is the cause, or when notifications may have been missed. */
type NotificationSource = 'here' | 'elsewhere'
/** `content` is what the sender's statement added to the topic, if anything. */
type Listener = (source: NotificationSource, content?: string) => void

export type Notifications<Topic extends string = string> = AsyncDisposable & {
  /** Calls listeners in this process at once, and in others soon. Calls within 10 ms become one. */
  notify(topic: Topic): void
  /** Calls `listener` on each notification of `topic`, and when some may have been missed. Returns a function that stops it. */
  listen(topic: Topic, listener: Listener): () => void
  /**
   * Returns the payload by which a statement of the caller's can tell other processes of `topic` with `pg_notify`, instead of
   * `notify` and a statement of its own. Undefined while nobody else listens: then `notify` costs no statement. The
   * statement may add a line break and a content for the listeners; NOTIFY takes less than 8,000 bytes altogether.
   */
  payloadOf(topic: Topic): string | undefined
  /**
   * Returns whether no other process listens, as far as is known: none was there at the last look, and none has announced
   * itself since. False while this process does not listen itself. A process that left counts for some seconds.
   */
  isAlone(): boolean
  /** Says that another process was noticed: this one is not alone until the next look finds so. */
  doubt(): void
  /**
   * Says that something was learned which a notification should have told before. Finds out whether the listening session
   * still answers, unless it did in the last seconds: one whose connection was dropped silently hears nothing, and is
   * replaced.
   */
  check(): void
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

type NotificationsState = NotificationsOptions & {
  /** Payloads are this id, a space, and the topic, and a content after a line break; an announcement has no topic. */
  readonly self: string
  readonly closing: AbortController
  readonly listeners: Map<string, Set<Listener>>
  readonly pending: Set<string>
  /** The topics that were not sent because nobody else listened: they are sent when somebody announces itself. */
  readonly withheld: Set<string>
  isSending: boolean
  sending: Promise<void>
  isClosed: boolean
  /** The session that listens. */
  session: pg.Client | undefined
  isAlone: boolean
  /** Grows with each sign of another process. */
  signs: number
  lookedAt: number
}

/** The least time between two NOTIFY statements of a process. */
const SPACING_MS = 10
/** The least time between two looks for other listeners. There are none while there is nothing to send. */
const LOOK_MS = 5_000
/** The same while there were none at the last: one that comes says so, unless this process cannot hear it any more. */
const ALONE_LOOK_MS = 30_000
/** A listening session that does not answer for this long is given up. */
const LOOK_TIMEOUT_MS = 5_000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000
/** Each listening session holds this advisory lock of its database in shared mode, with the channel's hash as second key. */
const PRESENCE_LOCK = 7_234_110

/**
 * NOTIFY is sent only while another process listens. A session that begins to listen says so on the channel, and whoever
 * hears it sends once what it had not sent before. So nothing is missed that was committed after the newcomer's first read.
 */
export function openNotifications<Topic extends string>(options: NotificationsOptions): Notifications<Topic> {
  const state: NotificationsState = {
    ...options,
    self: v7(),
    closing: new AbortController(),
    listeners: new Map(),
    pending: new Set(),
    withheld: new Set(),
    isSending: false,
    sending: Promise.resolve(),
    isClosed: false,
    session: undefined,
    isAlone: false,
    signs: 0,
    lookedAt: Number.NEGATIVE_INFINITY,
  }
  const listening = keepListening(state)

  return {
    notify(topic) {
      call(state, topic, 'here')
      if (state.isAlone && !isLookDue(state)) state.withheld.add(topic)
      else send(state, [topic])
    },
    listen(topic, listener) {
      const others = state.listeners.get(topic) ?? new Set()
      state.listeners.set(topic, others.add(listener))
      return () => {
        others.delete(listener)
        if (others.size === 0 && state.listeners.get(topic) === others) state.listeners.delete(topic)
      }
    },
    payloadOf: topic => (state.isAlone || isLookDue(state) ? undefined : `${state.self} ${topic}`),
    isAlone: () => state.isAlone,
    doubt: () => noteOthers(state),
    check() {
      if (!state.isClosed && performance.now() - state.lookedAt > LOOK_MS) void lookForOthers(state)
    },
    async [Symbol.asyncDispose]() {
      state.isClosed = true
      // Somebody may have come a moment ago, and the last topics of a process are the ones that leases are released by.
      state.lookedAt = Number.NEGATIVE_INFINITY
      send(state, state.withheld)
      await state.sending
      state.closing.abort()
      await listening
    },
  }
}

function call(
  { listeners, logger }: NotificationsState,
  topic: string,
  ...heard: Parameters<Listener>
): void {
  for (const listener of listeners.get(topic) ?? [])
    try {
      listener(...heard)
    } catch (error) {
      logger?.error({ err: error }, 'a listener for notifications threw, other listeners are still called')
    }
}

/** Notifications of any topic may have been missed. */
function callAll(state: NotificationsState): void {
  for (const topic of state.listeners.keys()) call(state, topic, 'elsewhere')
}

function send(state: NotificationsState, topics: Iterable<string>): void {
  for (const topic of topics) state.pending.add(topic)
  if (state.isSending) return
  state.isSending = true
  state.sending = sendPending(state)
}

/** Sends the pending topics to other processes, if there are any, in one statement at a time. */
async function sendPending(state: NotificationsState): Promise<void> {
  const { pending, withheld, closing, channel, self } = state
  for (let failures = 0; pending.size > 0; ) {
    if (isLookDue(state)) await lookForOthers(state)
    const topics = [...pending]
    pending.clear()
    if (state.isAlone) {
      for (const topic of topics) withheld.add(topic)
      continue
    }
    try {
      await state.run(`SELECT pg_notify('${channel}', payload) FROM unnest($1::text[]) AS payload`, [
        topics.map(topic => `${self} ${topic}`),
      ])
      failures = 0
    } catch {
      // The database is away: listeners poll, and hear of it when sessions are back.
      if (state.isClosed) break
      failures += 1
      for (const topic of topics) pending.add(topic)
    }
    const pause = failures > 0 ? fullJitter(failures, FIRST_RETRY_MS, LAST_RETRY_MS) : SPACING_MS
    if (!state.isClosed) await pauseUnlessAborted(pause, closing.signal)
  }
  state.isSending = false
}

function isLookDue({ session, lookedAt, isAlone }: NotificationsState): boolean {
  return session !== undefined && performance.now() - lookedAt > (isAlone ? ALONE_LOOK_MS : LOOK_MS)
}

/** Finds out whether another session holds the presence lock. A session that does not answer is closed. */
async function lookForOthers(state: NotificationsState): Promise<void> {
  const { session, signs, channel, closing } = state
  if (!session) return
  state.lookedAt = performance.now()
  try {
    // Nobody else's shared lock stands in the way of an exclusive one, which ends with the statement.
    const looking = session.query<{ alone: boolean }>(
      `SELECT pg_try_advisory_xact_lock(${PRESENCE_LOCK}, hashtext('${channel}')) AS alone`,
    )
    const answer = await Promise.race([looking, delay(LOOK_TIMEOUT_MS, undefined, { ref: false })])
    if (!answer) throw new Error('the listening session does not answer')
    if (state.session !== session || state.signs !== signs || !answer.rows[0]?.alone) noteOthers(state)
    else if (!state.isAlone) {
      state.isAlone = true
      // The one that left may have committed something that it told nobody.
      callAll(state)
    }
  } catch {
    noteOthers(state)
    if (!closing.signal.aborted) session.end().catch(() => {}) // its end is noticed by keepListening
  }
}

function noteOthers(state: NotificationsState): void {
  state.isAlone = false
  state.signs += 1
  if (state.withheld.size === 0) return
  const topics = [...state.withheld]
  state.withheld.clear()
  send(state, topics)
}

/** Holds one LISTEN session, and opens another whenever it is lost. */
async function keepListening(state: NotificationsState): Promise<void> {
  const closing = state.closing.signal
  let failures = 0
  while (!closing.aborted) {
    try {
      await listenOnce(state, () => {
        failures = 0
      })
    } catch (error) {
      if (closing.aborted) return
      failures += 1
      if (failures === 1)
        state.logger?.warn({ err: error }, 'LISTEN session lost, polling until another is open')
    }
    const pause = FIRST_RETRY_MS / 2 + fullJitter(failures, FIRST_RETRY_MS, LAST_RETRY_MS)
    await pauseUnlessAborted(pause, closing)
  }
}

/** Throws when the session is lost, and when the notifications are closed. */
async function listenOnce(state: NotificationsState, onListening: () => void): Promise<void> {
  const { url, channel, self, closing } = state
  await withSession(
    url,
    async session => {
      const ended = once(session, 'end', { signal: closing.signal })
      ended.catch(() => {}) // awaited below, once the session listens
      session.on('notification', ({ payload = '' }) => {
        if (payload.startsWith(self)) return
        noteOthers(state)
        const [topic = '', content] = payload.slice(self.length + 1).split('\n', 2)
        call(state, topic, 'elsewhere', content)
      })
      await session.query(
        `SELECT pg_advisory_lock_shared(${PRESENCE_LOCK}, hashtext('${channel}')); LISTEN ${channel}; NOTIFY ${channel}, '${self} '`,
      )
      state.session = session
      onListening()
      await lookForOthers(state)
      if (!state.isAlone) callAll(state)
      try {
        await ended
      } finally {
        state.session = undefined
        if (!closing.signal.aborted) noteOthers(state)
      }
      throw new Error('Connection terminated')
    },
    `${channel.replaceAll('_', '-')}-listener`,
  )
}
