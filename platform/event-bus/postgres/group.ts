// Runs a process's membership in a group: it owns a topic's checkpoint by lease, or stands by for the owner.
import { v7 } from 'uuid'
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { Delivery } from '#platform/event-bus/event-bus.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import type { Notifications } from '#platform/postgres/notifications.ts'
import type { Pool, StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, jittered } from '#platform/resilience/backoff.ts'

type Membership = {
  readonly group: string
  readonly topic: string
  readonly feed: TopicFeed
  readonly deliver: Delivery
  readonly soft: Pool
  readonly notifications: Notifications
  readonly logger: StoreLogger | undefined
  readonly signal: AbortSignal
}

/** Proof of ownership. Every write under it names the epoch, so that a former owner's writes change nothing. */
type Lease = { readonly group: string; readonly topic: string; readonly epoch: string }

/** How long a silent owner keeps its group, and how often a live one renews. */
const LEASE_MS = 5_000
const RENEW_MS = 1_500
/** A lease is used only while this much of it is left. */
const MARGIN_MS = 500
const POLL_MS = 1_000

const RENEWED = `lease_until = clock_timestamp() + ${LEASE_MS} * interval '1 millisecond', seen_at = clock_timestamp()`
const IS_HELD = 'subscriber = $1 AND topic = $2 AND epoch = $3'

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
  const { group, topic, notifications, signal, logger } = membership
  const owner = v7()
  const wakeSignal = createWakeSignal()
  const stopListening = notifications.listen(leaseTopic(membership), wakeSignal.notify)
  signal.addEventListener('abort', wakeSignal.notify)
  for (let failures = 0; !signal.aborted; ) {
    try {
      const acquired = await acquireLease(membership, owner)
      if (acquired) await deliverAsOwner(membership, acquired.lease, acquired.position)
      failures = 0
    } catch (err) {
      if (failures === 0) logger?.warn({ err, group, topic }, 'bus group membership failed, retrying')
      failures += 1
    }
    if (!signal.aborted) await wakeSignal.wait(jittered(POLL_MS) + fullJitter(failures, 100, 5_000))
  }
  stopListening()
  signal.removeEventListener('abort', wakeSignal.notify)
}

function leaseTopic({ group, topic }: Pick<Lease, 'group' | 'topic'>): string {
  return `group ${group} ${topic}`
}

/** Delivers the topic as long as the lease is surely held. */
async function deliverAsOwner(membership: Membership, lease: Lease, position: number): Promise<void> {
  const { soft, notifications, signal } = membership
  const lost = new AbortController()
  let renewedAt = performance.now()

  async function renew(delivered?: number): Promise<void> {
    const startedAt = performance.now()
    if (await renewLease(soft, lease, delivered)) renewedAt = startedAt
    else lost.abort()
  }

  const renewing = setInterval(() => {
    if (performance.now() - renewedAt > LEASE_MS - MARGIN_MS) lost.abort()
    void renew().catch(() => {}) // the database is away: the lease is used only while it is surely valid
  }, RENEW_MS)
  try {
    await runDeliveryLoop({
      ...membership,
      after: position,
      onDelivered: renew,
      signal: AbortSignal.any([signal, lost.signal]),
    })
  } finally {
    clearInterval(renewing)
    await releaseLease(soft, lease).catch(() => {}) // it runs out by itself
    notifications.notify(leaseTopic(lease))
  }
}

/** Takes the lease if it is free or has run out. */
async function acquireLease(
  { soft, group, topic }: Membership,
  owner: string,
): Promise<{ lease: Lease; position: number } | undefined> {
  const [row] = await soft.query<{ epoch: string; position: string }>({
    name: 'acquire',
    text: `UPDATE event_bus.checkpoints SET owner = $3, epoch = epoch + 1, ${RENEWED}
            WHERE subscriber = $1 AND topic = $2 AND (owner IS NULL OR lease_until < clock_timestamp())
           RETURNING epoch, position`,
    values: [group, topic, owner],
  })
  return row && { lease: { group, topic, epoch: row.epoch }, position: Number(row.position) }
}

/** Renews, and moves the checkpoint if there is a new one. Resolves to false when another process has the lease. */
async function renewLease(pool: Pool, lease: Lease, position?: number): Promise<boolean> {
  const rows = await pool.query({
    name: 'renew',
    text: `UPDATE event_bus.checkpoints SET ${RENEWED}, position = coalesce($4::bigint, position)
            WHERE ${IS_HELD} RETURNING 1`,
    values: [lease.group, lease.topic, lease.epoch, position ?? null],
  })
  return rows.length > 0
}

async function releaseLease(pool: Pool, lease: Lease): Promise<void> {
  await pool.query({
    name: 'release',
    text: `UPDATE event_bus.checkpoints SET owner = NULL, lease_until = NULL WHERE ${IS_HELD}`,
    values: [lease.group, lease.topic, lease.epoch],
  })
}
