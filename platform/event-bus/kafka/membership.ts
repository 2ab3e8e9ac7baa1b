// Runs a process's membership in a Kafka group: it owns the topic and delivers it, or stands by for the owner.
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { BusMessage, Delivery } from '#platform/event-bus/event-bus.ts'
import {
  type Checkpoint,
  createMember,
  type Group,
  type GroupMember,
  HEARTBEAT_MS,
  MembershipLost,
  SESSION_MS,
} from '#platform/event-bus/kafka/group.ts'
import { offsetOf } from '#platform/event-bus/kafka/record-codec.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { fullJitter, jittered, pauseUnlessAborted } from '#platform/resilience/backoff.ts'

type Membership = {
  readonly group: Group
  readonly feed: TopicFeed
  readonly deliver: Delivery
  readonly logger: StoreLogger | undefined
  readonly signal: AbortSignal
}

/** The topic is delivered only while this much of the session is left. */
const MARGIN_MS = 1_000
const SESSION_CHECK_MS = 250

/** Runs until `signal` aborts; then the topic is free for another process. */
export async function runMembership(membership: Membership): Promise<void> {
  const { group, signal, logger } = membership
  const member = createMember(group)
  const ownership = createOwnership(membership, member)
  const runRound = createRound(member, ownership)
  for (let failures = 0; !signal.aborted; ) {
    try {
      await runRound()
      failures = 0
    } catch (err) {
      if (failures === 0) logger?.warn({ err, group: group.id }, 'bus group membership failed, retrying')
      failures += 1
    }
    await pauseUnlessAborted(failures > 0 ? fullJitter(failures, 100, 2_000) : jittered(HEARTBEAT_MS), signal)
  }
  await ownership.end()
  await member.leave().catch(() => {}) // the session runs out by itself
  await group.connection[Symbol.asyncDispose]()
}

/** Returns a function that sends a heartbeat, or joins anew when the group rebalances. */
function createRound(member: GroupMember, ownership: Ownership): () => Promise<void> {
  let [isMember, isOwner] = [false, false]
  return async () => {
    const startedAt = performance.now()
    try {
      if (isMember) isMember = await member.heartbeat()
      if (!isMember) isOwner = await member.join()
      isMember = true
    } catch (error) {
      if (error instanceof MembershipLost) {
        isMember = isOwner = false
        ownership.lose()
      }
      throw error
    }
    if (isOwner) await ownership.keep(startedAt)
    else ownership.lose()
  }
}

type Ownership = {
  /** Confirms at `confirmedAt` that this process owns the topic; its delivery starts, if it was not running. */
  keep(confirmedAt: number): Promise<void>
  lose(): void
  end(): Promise<void>
}

/** Delivers the topic as long as it is surely this process's. */
function createOwnership(membership: Membership, member: GroupMember): Ownership {
  const { group, signal, logger } = membership
  const progress = trackProgress(member)
  let confirmedAt = 0
  let lost = new AbortController()
  let delivering: Promise<void> | undefined

  async function own(): Promise<void> {
    const after = progress.resume(await member.checkpoint())
    const checking = setInterval(() => {
      if (performance.now() - confirmedAt > SESSION_MS - MARGIN_MS) lost.abort()
    }, SESSION_CHECK_MS)
    try {
      await runDeliveryLoop({
        ...membership,
        topic: group.topic.name,
        after,
        deliver: async messages => {
          await membership.deliver(messages)
          progress.advance(messages)
        },
        onDelivered: () => progress.commit().catch(onError),
        signal: AbortSignal.any([signal, lost.signal]),
      })
      await progress.commit()
    } finally {
      clearInterval(checking)
    }
  }

  function onError(err: unknown): void {
    if (err instanceof MembershipLost) lost.abort()
    logger?.warn({ err, group: group.id }, 'bus checkpoint not committed, the next commit includes it')
  }

  return {
    async keep(at) {
      confirmedAt = at
      if (delivering) return progress.commit().catch(onError)
      lost = new AbortController()
      delivering = own()
        .catch(onError)
        .finally(() => {
          delivering = undefined
        })
    },
    lose: () => lost.abort(),
    async end() {
      await delivering
    },
  }
}

/** Tracks how far this process has delivered the topic, and how much of that is committed. */
function trackProgress(member: GroupMember) {
  const offsets: bigint[] = []
  let [delivered, committed] = [0, 0]
  return {
    /** Returns where to go on: messages that this process delivered before it lost the topic are not delivered again. */
    resume(checkpoint: Checkpoint): number {
      for (const [partition, offset] of checkpoint.offsets.entries())
        if (offset > (offsets[partition] ?? -1n)) offsets[partition] = offset
      committed = checkpoint.position
      delivered = Math.max(delivered, committed)
      return delivered
    },
    advance(messages: readonly BusMessage[]): void {
      for (const message of messages) {
        const at = offsetOf(message)
        if (at) offsets[at.partition] = at.offset + 1n
        delivered = message.position
      }
    },
    async commit(): Promise<void> {
      const position = delivered
      if (position === committed) return
      if (await member.commit({ offsets: [...offsets], position })) committed = Math.max(committed, position)
    },
  }
}
