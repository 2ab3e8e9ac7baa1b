// Who gets a group's messages of a topic: a row with an owner, an epoch and a deadline by the database's clock. Free of messages.
import type { Pool } from '#platform/postgres/pool.ts'

/** Proof of ownership. Every write under it names the epoch, so that a former owner's writes change nothing. */
export type Lease = { readonly group: string; readonly topic: string; readonly epoch: string }

/** How long an owner that falls silent keeps its group, and how often one that is alive renews. */
export const LEASE_MS = 5_000
export const RENEW_MS = 1_500

const RENEWED = `lease_until = clock_timestamp() + ${LEASE_MS} * interval '1 millisecond', seen_at = clock_timestamp()`
const HELD = 'subscriber = $1 AND topic = $2 AND epoch = $3'

/** Makes the group known, from when on what it has yet to get is kept. A new one begins before the oldest message. */
export async function joinGroup(pool: Pool, group: string, topic: string): Promise<void> {
  await pool.query({
    name: 'join',
    text: `INSERT INTO event_bus.checkpoints (subscriber, topic, position)
           VALUES ($1, $2, coalesce((SELECT trimmed_to FROM event_bus.topics WHERE topic = $2), 0))
           ON CONFLICT (subscriber, topic) DO UPDATE SET seen_at = clock_timestamp()`,
    values: [group, topic],
  })
}

/** Takes the lease of a known group if it is free or has run out. */
export async function acquireLease(
  pool: Pool,
  group: string,
  topic: string,
  owner: string,
): Promise<{ lease: Lease; position: number } | undefined> {
  const rows = await pool.query<{ epoch: string; position: string }>({
    name: 'acquire',
    text: `UPDATE event_bus.checkpoints SET owner = $3, epoch = epoch + 1, ${RENEWED}
            WHERE subscriber = $1 AND topic = $2 AND (owner IS NULL OR lease_until < clock_timestamp())
           RETURNING epoch, position`,
    values: [group, topic, owner],
  })
  const row = rows[0]
  return row && { lease: { group, topic, epoch: row.epoch }, position: Number(row.position) }
}

/** Renews, and moves the checkpoint if there is a new one. False when the lease has passed to another. */
export async function renewLease(pool: Pool, lease: Lease, position?: number): Promise<boolean> {
  const rows = await pool.query({
    name: 'renew',
    text: `UPDATE event_bus.checkpoints SET ${RENEWED}, position = coalesce($4::bigint, position)
            WHERE ${HELD} RETURNING 1`,
    values: [lease.group, lease.topic, lease.epoch, position ?? null],
  })
  return rows.length > 0
}

export async function releaseLease(pool: Pool, lease: Lease): Promise<void> {
  await pool.query({
    name: 'release',
    text: `UPDATE event_bus.checkpoints SET owner = NULL, lease_until = NULL WHERE ${HELD}`,
    values: [lease.group, lease.topic, lease.epoch],
  })
}
