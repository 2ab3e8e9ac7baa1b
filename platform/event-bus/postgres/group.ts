// Runs a process's membership in a group: it owns a topic's checkpoint by lease, or stands by for the owner.
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { Delivery } from '#platform/event-bus/event-bus.ts'
import type { MembershipKeeper } from '#platform/event-bus/postgres/membership-keeper.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import type { Pool, StoreLogger } from '#platform/postgres/pool.ts'

type Membership = {
  readonly group: string
  readonly topic: string
  readonly feed: TopicFeed
  readonly deliver: Delivery
  readonly keeper: MembershipKeeper
  readonly logger: StoreLogger | undefined
  readonly signal: AbortSignal
}

/** Creates the group's checkpoint, from when on messages are kept for it. A new one begins before the oldest message. */
export async function joinGroup(pool: Pool, group: string, topic: string): Promise<void> {
  await pool.query({
    name: 'join',
    text: `INSERT INTO event_bus.checkpoints (subscriber, topic, position)
           VALUES ($1, $2, coalesce((SELECT trimmed_to FROM event_bus.topics WHERE topic = $2), 0))
           ON CONFLICT (subscriber, topic) DO UPDATE SET seen_at = clock_timestamp()`,
    values: [group, topic],
  })
}

/** Runs until `signal` aborts; then the lease is free for another process. */
export async function runMembership(membership: Membership): Promise<void> {
  const { group, topic, keeper, signal } = membership
  const member = keeper.add(group, topic)
  for (let lease = await member.acquired(signal); lease; lease = await member.acquired(signal)) {
    const { move } = lease
    await runDeliveryLoop({
      ...membership,
      after: lease.position,
      onDelivered: move,
      signal: AbortSignal.any([signal, lease.lost]),
    })
  }
  await member.leave()
}
