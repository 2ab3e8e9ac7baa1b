// One process's part in a group on Kafka: it owns a topic, or stands by for the owner. Free of the group's protocol.

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
import { createSerialQueue } from '#platform/event-bus/kafka/serial-queue.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, jittered } from '#platform/resilience/backoff.ts'

export type Membership = {
  readonly group: Group
  readonly feed: TopicFeed
  readonly deliver: Delivery
  readonly logger: StoreLogger | undefined
  readonly signal: AbortSignal
}

/** The topic is used only while this much of the session is left. */
const MARGIN_MS = 1_000
const LOOK_MS = 250

/** Runs until `signal` aborts; then the topic is free for another process. */
export async function runMembership(membership: Membership): Promise<void> {
  const { group, signal, logger } = membership
  const member = inTurns(createMember(group))
  const wakeSignal = createWakeSignal()
  signal.addEventListener('abort', wakeSignal.notify)
  const ownership = createOwnership(membership, member)
  const round = createRound(member, ownership)
  for (let failures = 0; !signal.aborted; ) {
    try {
      await round()
      failures = 0
    } catch (err) {
      if (failures === 0) logger?.warn({ err, group: group.id }, 'a group of the bus failed and tries again')
      failures += 1
    }
    if (!signal.aborted)
      await wakeSignal.wait(failures > 0 ? fullJitter(failures, 100, 2_000) : jittered(HEARTBEAT_MS))
  }
  signal.removeEventListener('abort', wakeSignal.notify)
  await ownership.end()
  await member.leave().catch(() => {}) // the session runs out by itself
  await group.lane[Symbol.asyncDispose]()
}

/** One sign of life, or a new arrangement of the group when there is to be one. */
function createRound(member: GroupMember, ownership: Ownership): () => Promise<void> {
  let [isIn, isOwner] = [false, false]
  return async () => {
    const startedAt = performance.now()
    try {
      if (isIn) isIn = await member.heartbeat()
      if (!isIn) isOwner = await member.join()
      isIn = true
    } catch (error) {
      if (error instanceof MembershipLost) {
        isIn = isOwner = false
        ownership.lose()
      }
      throw error
    }
    if (isOwner) await ownership.keep(startedAt)
    else ownership.lose()
  }
}

type Ownership = {
  /** The topic is this process's, as of `heardAt`; it is followed from now on, if it was not yet. */
  keep(heardAt: number): Promise<void>
  lose(): void
  end(): Promise<void>
}

/** Follows the topic as long as it is surely this process's. */
function createOwnership(membership: Membership, member: GroupMember): Ownership {
  const { group, signal, logger } = membership
  const progress = trackProgress(member)
  let heardAt = 0
  let lost = new AbortController()
  let following: Promise<void> | undefined

  async function own(): Promise<void> {
    const after = progress.resume(await member.checkpoint())
    const watch = setInterval(() => {
      if (performance.now() - heardAt > SESSION_MS - MARGIN_MS) lost.abort()
    }, LOOK_MS)
    try {
      await runDeliveryLoop({
        ...membership,
        topic: group.topic.name,
        after,
        deliver: async messages => {
          await membership.deliver(messages)
          progress.note(messages)
        },
        onDelivered: () => progress.commit().catch(onError),
        signal: AbortSignal.any([signal, lost.signal]),
      })
      await progress.commit()
    } finally {
      clearInterval(watch)
    }
  }

  function onError(err: unknown): void {
    if (err instanceof MembershipLost) lost.abort()
    logger?.warn(
      { err, group: group.id },
      'a checkpoint of the bus could not be written; it will be with the next',
    )
  }

  return {
    async keep(at) {
      heardAt = at
      if (following) return progress.commit().catch(onError)
      lost = new AbortController()
      following = own()
        .catch(onError)
        .finally(() => {
          following = undefined
        })
    },
    lose: () => lost.abort(),
    async end() {
      await following
    },
  }
}

/** How far this process has delivered the topic, and how much of it the group's checkpoint says. */
function trackProgress(member: GroupMember) {
  const offsets: bigint[] = []
  let [delivered, committed] = [0, 0]
  return {
    /** Where to go on: what was delivered here before the topic was lost and came back is not delivered again. */
    resume(checkpoint: Checkpoint): number {
      for (const [partition, offset] of checkpoint.offsets.entries())
        if (offset > (offsets[partition] ?? -1n)) offsets[partition] = offset
      committed = checkpoint.position
      delivered = Math.max(delivered, committed)
      return delivered
    },
    note(messages: readonly BusMessage[]): void {
      for (const message of messages) {
        const place = offsetOf(message)
        if (place) offsets[place.partition] = place.offset + 1n
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

/** A heartbeat does not overtake a join, for it must name the generation that the join brings. */
function inTurns(member: GroupMember): GroupMember {
  const turns = createSerialQueue()
  return {
    join: () => turns(member.join),
    heartbeat: () => turns(member.heartbeat),
    commit: checkpoint => turns(() => member.commit(checkpoint)),
    checkpoint: () => turns(member.checkpoint),
    leave: () => turns(member.leave),
  }
}
