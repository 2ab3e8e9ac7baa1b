// Reads a topic's partitions side by side and gives out their messages in the order of positions. Free of who reads.
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { type KafkaConnection, toUnavailable } from '#platform/event-bus/kafka/connection.ts'
import {
  type FetchedPartition,
  fetchFrom,
  OffsetOutOfRange,
  partitionsByLeader,
} from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter } from '#platform/event-bus/kafka/position-search.ts'
import type { LinkedMessage } from '#platform/event-bus/kafka/record-codec.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'

export type TopicCursor = {
  /** Of the message that was taken last. */
  position(): number
  /** The next messages that are here already, at most `limit`. */
  take(limit: number): BusMessage[]
  /**
   * Asks for more; true if something came within `waitMs`. Throws CallerError UNAVAILABLE, or BAD_USER_INPUT if what
   * comes next was deleted; it can be called again after either.
   */
  fetch(waitMs: number): Promise<boolean>
  /** True while there are messages that cannot be given out, for one before them is missing. */
  isHeldUp(): boolean
  /** Reads a little once more. For when a missing message may be further back than it should be. */
  rewind(): void
}

/** A partition with so many messages that wait for others is not asked for more. */
const MOST_EARLY = 1_000
const PARTITION_BYTES = 256 << 10
/** More than one publisher that was thought dead can have written behind another's back. */
const REWIND = 2_000n

/** Begins with what is past `after`, which in each partition is not before `start`. */
export function createTopicCursor(
  lane: KafkaConnection,
  topic: Topic,
  start: readonly bigint[],
  after: number,
): TopicCursor {
  let offsets = [...start]
  const early: LinkedMessage[][] = start.map(() => [])
  const asking = new Map<number, Promise<boolean | { readonly error: unknown }>>()
  let position = after

  /**
   * The lowest message of all that is here is next if the one before it was given out already. What is at the position
   * or below was given out too: it was published twice.
   */
  function takeOne(): BusMessage | undefined {
    let lowest: LinkedMessage[] | undefined
    for (const queue of early) {
      while (queue[0] && queue[0].position <= position) queue.shift()
      if (queue[0] && queue[0].position < (lowest?.[0]?.position ?? Number.POSITIVE_INFINITY)) lowest = queue
    }
    if (!lowest?.[0] || lowest[0].before > position) return undefined
    const found = lowest.shift()
    position = found?.position ?? position
    return found?.message
  }

  function accept({ partition, offset, records, next }: FetchedPartition): boolean {
    if (offsets[partition] !== offset || next === offset) return false
    offsets[partition] = next
    early[partition]?.push(...records)
    return true
  }

  async function ask(node: number, partitions: readonly number[], waitMs: number) {
    try {
      const wanted = partitions.map(partition => ({ partition, offset: offsets[partition] ?? 0n }))
      const got = await fetchFrom(lane, topic, node, wanted, { waitMs, partitionBytes: PARTITION_BYTES })
      return got.map(accept).includes(true)
    } catch (error) {
      return { error }
    } finally {
      asking.delete(node)
    }
  }

  async function askAll(waitMs: number): Promise<boolean> {
    const { leaders } = await lane.layout(topic.kafkaName)
    for (const [node, partitions] of partitionsByLeader(leaders)) {
      const open = partitions.filter(partition => (early[partition]?.length ?? 0) < MOST_EARLY)
      if (open.length > 0 && !asking.has(node)) asking.set(node, ask(node, open, waitMs))
    }
    const answers = [...asking.values()]
    const outcomes = waitMs > 0 ? [await Promise.race(answers)] : await Promise.all(answers)
    for (const outcome of outcomes) if (typeof outcome === 'object') throw outcome.error
    return outcomes.includes(true)
  }

  return {
    position: () => position,
    take(limit) {
      const taken: BusMessage[] = []
      while (taken.length < limit) {
        const message = takeOne()
        if (!message) break
        taken.push(message)
      }
      return taken
    },
    async fetch(waitMs) {
      try {
        return await askAll(waitMs)
      } catch (error) {
        if (!(error instanceof OffsetOutOfRange)) {
          lane.forgetLayout()
          throw toUnavailable(error)
        }
        offsets = await findOffsetsAfter(lane, topic, position)
        for (const queue of early) queue.length = 0
        return false
      }
    },
    isHeldUp: () => early.some(queue => queue.length > 0),
    rewind() {
      offsets = offsets.map(offset => (offset > REWIND ? offset - REWIND : 0n))
      for (const queue of early) queue.length = 0
    },
  }
}
