// Opens the event store on PostgreSQL and puts its parts together.
import { OperatorError } from '#platform/domain/errors.ts'
import type { Consumer, ConsumerOptions, EventStore } from '#platform/event-store/event-store.ts'
import { type Appender, createAppender } from '#platform/event-store/postgres/append.ts'
import { startCommandRetention } from '#platform/event-store/postgres/command-retention.ts'
import { startConsumer } from '#platform/event-store/postgres/consumer.ts'
import { listDeadLetters, markForReplay } from '#platform/event-store/postgres/dead-letters.ts'
import { type LeaseKeeper, startLeaseKeeper } from '#platform/event-store/postgres/lease-keeper.ts'
import { runUnderLease } from '#platform/event-store/postgres/lease-takeover.ts'
import { createLogCache, type LogCache } from '#platform/event-store/postgres/log-cache.ts'
import { createLogReader, type LogReader } from '#platform/event-store/postgres/log-reader.ts'
import { migrate } from '#platform/event-store/postgres/schema.ts'
import {
  openSessions,
  type Sessions,
  type StoreNotifications,
  throwStoreError,
} from '#platform/event-store/postgres/sessions.ts'
import { checkKey } from '#platform/event-store/validation.ts'
import { openNotifications } from '#platform/postgres/notifications.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'

type PostgresEventStoreOptions = {
  readonly url: string
  readonly logger?: StoreLogger
  /** The clock that events are recorded by. */
  readonly now?: () => Date
  /** How long commands are remembered. They are kept when it is left out. */
  readonly commandRetentionMs?: number
}

/** The state of one open store. */
type OpenStore = {
  readonly sessions: Sessions
  readonly notifications: StoreNotifications
  readonly reader: LogReader
  readonly log: LogCache
  readonly keeper: LeaseKeeper
  readonly appender: Appender
  readonly retention: AsyncDisposable | undefined
  readonly consumers: Set<Consumer>
  readonly logger: StoreLogger | undefined
  isClosed: boolean
}

/**
 * Opens the store, and creates or updates its tables. Throws OperatorError EVENT_STORE_UNREACHABLE.
 * Calls reject with CallerError UNAVAILABLE while the database is away, and work again when it is back.
 */
export async function openPostgresEventStore(options: PostgresEventStoreOptions): Promise<EventStore> {
  await migrate(options.url)
  const store = openStore(options)
  const { appender, reader, log, sessions } = store
  return {
    append: append => whileOpen(store, 'append', () => appender.append(append)),
    readStream: (stream, range) => whileOpen(store, 'read a stream', () => reader.readStream(stream, range)),
    readLog: range => whileOpen(store, 'read the log', () => log.readLog(range)),
    head: () => whileOpen(store, 'read its head', log.head),
    known: log.known,
    findCommand: id => whileOpen(store, 'look up a command', () => reader.findCommand(id)),
    forgetCommand: (id, fingerprint) =>
      whileOpen(store, 'forget a command', () => reader.forgetCommand(id, fingerprint)),
    onAppended: log.onAppended,
    loadSnapshot: (stream, schema) =>
      whileOpen(store, 'load a snapshot', () => reader.loadSnapshot(stream, schema)),
    saveSnapshot: (stream, snapshot) =>
      whileOpen(store, 'save a snapshot', () => reader.saveSnapshot(stream, snapshot)),
    consume: consumerOptions => consume(store, consumerOptions),
    listDeadLetters: consumer =>
      whileOpen(store, 'list dead letters', () => listDeadLetters(sessions, consumer)),
    replayDeadLetters: (consumer, positions) => replayDeadLetters(store, consumer, positions),
    withConsumerLease: (consumer, work) => withConsumerLease(store, consumer, work),
    [Symbol.asyncDispose]: () => close(store),
  }
}

function openStore(options: PostgresEventStoreOptions): OpenStore {
  const { url, logger, now = () => new Date(), commandRetentionMs: retentionMs } = options
  const sessions = openSessions({ url, logger })
  const notifications: StoreNotifications = openNotifications({
    url,
    channel: 'waybill_event_store',
    run: sessions.soft,
    logger,
  })
  const reader = createLogReader(sessions)
  const log = createLogCache(reader, notifications)
  const appender = createAppender({ sessions, now, onCommitted: log.add, onUncertain: log.doubt })
  const keeper = startLeaseKeeper({
    sessions,
    isAlone: notifications.isAlone,
    onHead: log.noteHead,
    logger,
  })
  const retention =
    retentionMs === undefined ? undefined : startCommandRetention({ sessions, retentionMs, now, logger })
  return {
    sessions,
    notifications,
    reader,
    log,
    keeper,
    retention,
    appender,
    consumers: new Set(),
    logger,
    isClosed: false,
  }
}

async function whileOpen<Result>(
  store: OpenStore,
  action: string,
  work: () => Promise<Result>,
): Promise<Result> {
  ensureOpen(store)
  return work().catch(throwStoreError(action))
}

function ensureOpen({ isClosed }: OpenStore): void {
  if (isClosed) throw new OperatorError('EVENT_STORE_CLOSED', 'the event store is closed')
}

async function consume(store: OpenStore, options: ConsumerOptions): Promise<Consumer> {
  checkKey('a consumer name', options.name)
  const consumer = await whileOpen(store, 'start a consumer', () => startConsumer(store, options))
  const registered: Consumer = {
    ...consumer,
    [Symbol.asyncDispose]() {
      store.consumers.delete(registered)
      return consumer[Symbol.asyncDispose]()
    },
  }
  store.consumers.add(registered)
  return registered
}

async function replayDeadLetters(
  store: OpenStore,
  consumer: string,
  positions: readonly number[] | undefined,
): Promise<number> {
  const marked = await whileOpen(store, 'mark dead letters', () =>
    markForReplay(store.sessions, consumer, positions),
  )
  store.notifications.notify(`consumer ${consumer}`)
  return marked
}

async function withConsumerLease(
  store: OpenStore,
  consumer: string,
  work: (checkpoint: number) => Promise<number>,
): Promise<void> {
  checkKey('a consumer name', consumer)
  ensureOpen(store)
  await runUnderLease(store, consumer, work)
}

async function close(store: OpenStore): Promise<void> {
  if (store.isClosed) return
  store.isClosed = true
  await Promise.all([...store.consumers].map(consumer => consumer[Symbol.asyncDispose]()))
  await store.appender.drained()
  await store.retention?.[Symbol.asyncDispose]()
  await store.keeper[Symbol.asyncDispose]()
  store.log[Symbol.dispose]()
  await store.notifications[Symbol.asyncDispose]()
  await store.sessions[Symbol.asyncDispose]()
}
