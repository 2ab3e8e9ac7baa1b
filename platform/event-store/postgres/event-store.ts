// The event store on PostgreSQL: opens its parts and puts them together. Free of statements.
import { OperatorError } from '#platform/domain/errors.ts'
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'
import { createLogTail } from '#platform/event-store/log-tail.ts'
import { createAppender, MAX_WRITERS } from '#platform/event-store/postgres/append.ts'
import { startConsumer } from '#platform/event-store/postgres/consumer.ts'
import { listDeadLetters, markForReplay } from '#platform/event-store/postgres/dead-letters.ts'
import { holdWhile, takeOverConsumer } from '#platform/event-store/postgres/lease-takeover.ts'
import { createLogReader } from '#platform/event-store/postgres/log-reader.ts'
import { openWakeups } from '#platform/event-store/postgres/notifications.ts'
import { migrate } from '#platform/event-store/postgres/schema.ts'
import { openSessions, toStoreError } from '#platform/event-store/postgres/sessions.ts'
import { checkKey } from '#platform/event-store/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'

export type PostgresEventStoreOptions = {
  readonly url: string
  readonly logger?: StoreLogger
  /** The clock that events are recorded by. */
  readonly now?: () => Date
  /** Sessions with the database, at least 5; 8 when left out. */
  readonly poolSize?: number
}

const POOL_SIZE = 8

/**
 * Opens the store, and creates or updates its tables. Throws OperatorError EVENT_STORE_UNREACHABLE.
 * Calls reject with CallerError UNAVAILABLE while the database is away, and work again when it is back.
 */
export async function openPostgresEventStore(options: PostgresEventStoreOptions): Promise<EventStore> {
  const { url, logger, now = () => new Date(), poolSize = POOL_SIZE } = options
  await migrate(url)
  const sessions = openSessions({ url, poolSize, writers: MAX_WRITERS, logger })
  const wakeups = openWakeups(sessions, logger)
  const log = createLogReader(sessions)
  const tail = createLogTail()
  const appender = createAppender({
    sessions,
    now,
    onCommitted(events) {
      tail.add(events)
      wakeups.notify('events')
    },
  })
  const consumers = new Set<Consumer>()
  let closed = false

  function whileOpen<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    if (closed) throw new OperatorError('EVENT_STORE_CLOSED', 'the event store is closed')
    return work().catch(cause => {
      throw toStoreError(doing, cause)
    })
  }

  return {
    append: async append => whileOpen('append', () => appender.append(append)),
    readStream: async (stream, range) => whileOpen('read a stream', () => log.readStream(stream, range)),
    readLog: async range => whileOpen('read the log', () => log.readLog(range)),
    head: async () => whileOpen('read its head', log.head),
    findCommand: async id => whileOpen('look up a command', () => log.findCommand(id)),
    forgetCommand: async (id, fingerprint) =>
      whileOpen('forget a command', () => log.forgetCommand(id, fingerprint)),
    onAppended: listener => wakeups.listen('events', () => listener()),
    loadSnapshot: async (stream, schema) =>
      whileOpen('load a snapshot', () => log.loadSnapshot(stream, schema)),
    saveSnapshot: async (stream, snapshot) =>
      whileOpen('save a snapshot', () => log.saveSnapshot(stream, snapshot)),
    listDeadLetters: async consumer =>
      whileOpen('list dead letters', () => listDeadLetters(sessions, consumer)),
    async replayDeadLetters(consumer, positions) {
      const marked = await whileOpen('mark dead letters', () => markForReplay(sessions, consumer, positions))
      wakeups.notify(`consumer ${consumer}`)
      return marked
    },
    async consume(consumerOptions) {
      checkKey('a consumer name', consumerOptions.name)
      const consumer = await whileOpen('start a consumer', () =>
        startConsumer({ sessions, log, tail, wakeups, logger }, consumerOptions),
      )
      const listed: Consumer = {
        ...consumer,
        [Symbol.asyncDispose]() {
          consumers.delete(listed)
          return consumer[Symbol.asyncDispose]()
        },
      }
      consumers.add(listed)
      return listed
    },
    async withConsumerLease(consumer, work) {
      checkKey('a consumer name', consumer)
      const taken = await whileOpen('take a lease', () => takeOverConsumer({ sessions, wakeups, consumer }))
      await holdWhile(taken, work)
    },
    async [Symbol.asyncDispose]() {
      if (closed) return
      closed = true
      await Promise.all([...consumers].map(consumer => consumer[Symbol.asyncDispose]()))
      await appender.drained()
      await wakeups[Symbol.asyncDispose]()
      await sessions[Symbol.asyncDispose]()
    },
  }
}
