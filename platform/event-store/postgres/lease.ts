// Leases consumers to one process at a time: a row with an owner, an epoch, and a deadline by the database's clock.
import { ConsumerStopped } from '#platform/event-store/delivery.ts'
import { type Sessions, toPosition } from '#platform/event-store/postgres/sessions.ts'

/** Proof of ownership. Every write under it names both, so that a former owner's writes change nothing. */
export type Lease = { readonly consumer: string; readonly owner: string; readonly epoch: string }

/** Thrown when a lease turns out to have passed to another process: the former owner stops. */
export class LeaseLost extends ConsumerStopped {
  constructor(consumer: string) {
    super(`another process owns consumer ${consumer}`)
    this.name = 'LeaseLost'
  }
}

/** How long a silent owner keeps its consumer. */
export const LEASE_MS = 7_500

export const LEASE_DEADLINE = `clock_timestamp() + ${LEASE_MS} * interval '1 millisecond'`
/** Matches the row of a lease given as $1, $2, $3. */
export const IS_HELD = 'name = $1 AND owner = $2 AND epoch = $3'

/** Takes the lease if it is free, has run out or is ours already. A new consumer is created at position 0. */
export async function acquireLease(
  { read }: Pick<Sessions, 'read'>,
  consumer: string,
  owner: string,
): Promise<{ lease: Lease; checkpoint: number } | undefined> {
  const [row] = await read<{ epoch: string; checkpoint: string }>(
    `INSERT INTO event_store.consumers AS c (name, owner, epoch, lease_until) VALUES ($1, $2, 1, ${LEASE_DEADLINE})
     ON CONFLICT (name) DO UPDATE SET owner = $2, epoch = c.epoch + 1, lease_until = ${LEASE_DEADLINE}, yielding = NULL
      WHERE c.owner IS NULL OR c.owner = $2 OR c.lease_until < clock_timestamp()
     RETURNING epoch, checkpoint`,
    [consumer, owner],
  )
  return row && { lease: { consumer, owner, epoch: row.epoch }, checkpoint: toPosition(row.checkpoint) }
}

/** A checkpoint to save, unless the one that is found is behind `stored`: then a crashed server has lost later ones. */
type NewCheckpoint = { readonly position: number; readonly stored: number }

/** Releases the lease, durably with `checkpoint` if there is one. Resolves to false when another has it. */
export async function releaseLease(
  { read }: Pick<Sessions, 'read'>,
  lease: Lease,
  checkpoint?: NewCheckpoint,
): Promise<boolean> {
  const rows = await read(
    `UPDATE event_store.consumers
        SET owner = NULL, lease_until = NULL, checkpoint = CASE WHEN checkpoint >= $5 THEN $4::bigint ELSE checkpoint END
      WHERE ${IS_HELD} RETURNING 1`,
    [...valuesOf(lease), checkpoint?.position ?? null, checkpoint?.stored ?? null],
  )
  return rows.length > 0
}

/** Takes the lease whoever has it, and marks a live former owner as yielding until it has stopped. */
export async function takeLease(
  { read }: Pick<Sessions, 'read'>,
  consumer: string,
  owner: string,
): Promise<Lease> {
  const [row] = await read<{ epoch: string }>(
    `INSERT INTO event_store.consumers AS c (name, owner, epoch, lease_until) VALUES ($1, $2, 1, ${LEASE_DEADLINE})
     ON CONFLICT (name) DO UPDATE SET owner = $2, epoch = c.epoch + 1, lease_until = ${LEASE_DEADLINE},
       yielding = CASE WHEN c.lease_until > clock_timestamp() THEN c.owner END
     RETURNING epoch`,
    [consumer, owner],
  )
  if (!row) throw new Error('an upsert answered without a row')
  return { consumer, owner, epoch: row.epoch }
}

/** Confirms that the former owner has stopped, and at which checkpoint: the next one goes on from there. */
export async function confirmYield(
  { read }: Pick<Sessions, 'read'>,
  lease: Lease,
  { position, stored }: NewCheckpoint,
): Promise<void> {
  await read(
    `UPDATE event_store.consumers
        SET yielding = NULL, checkpoint = CASE WHEN checkpoint >= $4 THEN $3::bigint ELSE checkpoint END
      WHERE name = $1 AND yielding = $2`,
    [lease.consumer, lease.owner, position, stored],
  )
}

/** Returns the checkpoint once the former owner has stopped, undefined until then. Throws LeaseLost. */
export async function readYieldedCheckpoint(
  { soft }: Pick<Sessions, 'soft'>,
  lease: Lease,
): Promise<number | undefined> {
  const [row] = await soft<{ checkpoint: string; yielding: string | null }>(
    `SELECT checkpoint, yielding FROM event_store.consumers WHERE ${IS_HELD}`,
    valuesOf(lease),
  )
  if (!row) throw new LeaseLost(lease.consumer)
  return row.yielding === null ? toPosition(row.checkpoint) : undefined
}

/** Stops waiting for the former owner: a later confirmation changes nothing. */
export async function stopAwaitingYield({ read }: Pick<Sessions, 'read'>, lease: Lease): Promise<void> {
  await read(`UPDATE event_store.consumers SET yielding = NULL WHERE ${IS_HELD}`, valuesOf(lease))
}

/** Returns the values for `IS_HELD`. */
export function valuesOf({ consumer, owner, epoch }: Lease): unknown[] {
  return [consumer, owner, epoch]
}
