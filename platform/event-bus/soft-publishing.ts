// Publishes events without waiting for the disk, and publishes again what a crash of the bus has taken.
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'

export type PublishingOptions = {
  readonly store: EventStore
  readonly bus: EventBus
  readonly topic: string
  /** Stream categories to publish; all by default. */
  readonly categories?: readonly string[]
  readonly logger?: StoreLogger
}

type SoftPublishing = AsyncDisposable & {
  /** Publishes what a crash has taken from before `checkpoint`. To be called by each new owner. */
  begin(checkpoint: number): Promise<void>
  publish(events: readonly RecordedEvent[]): Promise<void>
}

/** How often the publisher looks whether a crash has taken its messages, until they are surely on disk. */
const CHECK_MS = 3_000
/** PostgreSQL writes commits to disk within three times `wal_writer_delay`, which is 10 s at most. */
const UNTIL_ON_DISK_MS = 35_000
/** A new owner looks this far behind its checkpoint. */
const LOOK_BACK = 10_000
const PAGE = 500

type State = PublishingOptions & {
  /** The last message that the topic had when this process heard of it last. */
  published: number
  publishedAt: number
}

/**
 * A crash of the server takes the newest messages, and what this process knows outlives it. The events are still in the
 * store: those past the topic's end are published again, before any other.
 */
export function createSoftPublishing(options: PublishingOptions): SoftPublishing {
  const { bus, topic } = options
  const queue = createKeyedQueue()
  const state: State = { ...options, published: 0, publishedAt: Number.NEGATIVE_INFINITY }
  const checking = startPeriodicTask({
    async run() {
      if (performance.now() - state.publishedAt < UNTIL_ON_DISK_MS)
        await queue.run([topic], async () => restore(state, await bus.end(topic)))
    },
    everyMs: CHECK_MS,
    first: 'after-pause',
    onError: () => {}, // the bus or the store is away: what publishes or checks next finds out
  })
  return {
    begin: checkpoint =>
      queue.run([topic], async () => {
        state.published = await bus.end(topic)
        await publishRange(state, Math.max(state.published, checkpoint - LOOK_BACK), checkpoint)
      }),
    publish: events => queue.run([topic], () => publish(state, events)),
    [Symbol.asyncDispose]: () => checking[Symbol.asyncDispose](),
  }
}

async function publish(state: State, events: readonly RecordedEvent[]): Promise<void> {
  const { bus, topic } = state
  while (!(await bus.publish(topic, events, { after: state.published })))
    await restore(state, await bus.end(topic))
  state.published = Math.max(state.published, events.at(-1)?.position ?? 0)
  state.publishedAt = performance.now()
}

async function restore(state: State, end: number): Promise<void> {
  const last = state.published
  if (end >= last) return
  state.published = end
  await publishRange(state, end, last)
}

/** Publishes the events past `after` up to `last`, which are missing on the bus. */
async function publishRange(state: State, after: number, last: number): Promise<void> {
  const { store, topic, categories, logger } = state
  for (let scanned = after; scanned < last; ) {
    const slice = await store.readLog({ after: scanned, limit: PAGE, ...(categories && { categories }) })
    const events = slice.events.filter(({ position }) => position <= last)
    if (events.length > 0) {
      logger?.warn(
        { topic, after: scanned, last },
        'publishing messages again that a crash of the bus has taken',
      )
      await publish(state, events)
    }
    if (slice.scannedTo <= scanned) return
    scanned = slice.scannedTo
  }
}
