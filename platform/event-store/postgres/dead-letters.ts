// Stores the events that a consumer moved past as dead letters: parks, lists, marks for replay, deletes.
import type { DeliveryFailure, ParkingReason } from '#platform/event-store/delivery.ts'
import type { DeadLetter, RecordedEvent } from '#platform/event-store/event-store.ts'
import { IS_HELD, type Lease, LeaseLost, valuesOf } from '#platform/event-store/postgres/lease.ts'
import { EVENT_COLUMNS, type EventRow, toEvent } from '#platform/event-store/postgres/log-reader.ts'
import { type Sessions, toPosition } from '#platform/event-store/postgres/sessions.ts'
import { checkKey, invalidInput } from '#platform/event-store/validation.ts'

type LetterRow = EventRow & {
  consumer: string
  behind: string | null
  error: string
  attempts: number
  parked_at: Date
}

const LIST_LIMIT = 1_000
const MAX_ERROR = 4_000

const LETTERS = `
  SELECT ${EVENT_COLUMNS}, d.consumer, d.behind, d.error, d.attempts, d.parked_at
    FROM event_store.dead_letters d JOIN event_store.events e USING (position)`

/** Returns dead letters, oldest first, at most 1,000. */
export async function listDeadLetters(
  { read }: Pick<Sessions, 'read'>,
  consumer?: string,
): Promise<DeadLetter[]> {
  const rows = await read<LetterRow>(
    `${LETTERS} WHERE $1::text IS NULL OR d.consumer = $1 ORDER BY d.consumer, d.position LIMIT ${LIST_LIMIT}`,
    [consumer ?? null],
  )
  return rows.map(toLetter)
}

/** Marks the streams of `positions` (all by default): a stream is replayed as a whole, or its order would be lost. */
export async function markForReplay(
  { read }: Pick<Sessions, 'read'>,
  consumer: string,
  positions?: readonly number[],
): Promise<number> {
  checkKey('a consumer name', consumer)
  if (positions?.some(position => !Number.isSafeInteger(position)))
    throw invalidInput('positions are whole numbers, as listed with the dead letters')
  const rows = await read(
    `UPDATE event_store.dead_letters SET replay = true
      WHERE consumer = $1 AND ($2::bigint[] IS NULL OR stream IN (
        SELECT stream FROM event_store.dead_letters WHERE consumer = $1 AND position = ANY ($2::bigint[])))
     RETURNING 1`,
    [consumer, positions ?? null],
  )
  return rows.length
}

/** Returns the streams with parked events, and the position of the first in each. */
export async function readParkedStreams(
  { read }: Pick<Sessions, 'read'>,
  consumer: string,
): Promise<Map<string, number>> {
  const rows = await read<{ stream: string; first: string }>(
    'SELECT stream, min(position) AS first FROM event_store.dead_letters WHERE consumer = $1 GROUP BY stream',
    [consumer],
  )
  return new Map(rows.map(({ stream, first }) => [stream, toPosition(first)]))
}

export async function countDeadLetters({ soft }: Pick<Sessions, 'soft'>, consumer: string): Promise<number> {
  const [row] = await soft<{ count: number }>(
    'SELECT count(*)::int AS count FROM event_store.dead_letters WHERE consumer = $1',
    [consumer],
  )
  return row?.count ?? 0
}

/** Returns the oldest stream that is marked for replay. */
export async function readNextReplay(
  { read }: Pick<Sessions, 'read'>,
  consumer: string,
): Promise<string | undefined> {
  const [row] = await read<{ stream: string }>(
    'SELECT stream FROM event_store.dead_letters WHERE consumer = $1 AND replay ORDER BY position LIMIT 1',
    [consumer],
  )
  return row?.stream
}

/** Returns the parked events of a stream, oldest first, at most `limit`. */
export async function readParkedEvents(
  { read }: Pick<Sessions, 'read'>,
  consumer: string,
  { stream, limit }: { readonly stream: string; readonly limit: number },
): Promise<DeadLetter[]> {
  const rows = await read<LetterRow>(
    `${LETTERS} WHERE d.consumer = $1 AND d.stream = $2 ORDER BY d.position LIMIT $3`,
    [consumer, stream, limit],
  )
  return rows.map(toLetter)
}

/** Parks durably, before the checkpoint may move past. An event that is parked already stays as it is. */
export async function parkEvents(
  sessions: Pick<Sessions, 'read'>,
  lease: Lease,
  { events, reason }: { readonly events: readonly RecordedEvent[]; readonly reason: ParkingReason },
): Promise<void> {
  await writeUnderLease(sessions, lease, {
    statement: `
      INSERT INTO event_store.dead_letters (consumer, position, stream, behind, error, attempts)
      SELECT $1, e.position, e.stream, $6, $7, $8 FROM held, unnest($4::bigint[], $5::text[]) AS e(position, stream)
      ON CONFLICT DO NOTHING`,
    values: [
      events.map(({ position }) => position),
      events.map(({ stream }) => stream),
      reason.behind ?? null,
      reason.error.slice(0, MAX_ERROR),
      reason.attempts,
    ],
  })
}

/** Deletes the dead letter of a replayed event that was handled. */
export async function deleteDeadLetter(
  sessions: Pick<Sessions, 'read'>,
  lease: Lease,
  position: number,
): Promise<void> {
  await writeUnderLease(sessions, lease, {
    statement: 'DELETE FROM event_store.dead_letters USING held WHERE consumer = $1 AND position = $4',
    values: [position],
  })
}

/** Keeps a replayed event that failed again at the head of its stream's parked events, and unmarks them all. */
export async function recordFailedReplay(
  sessions: Pick<Sessions, 'read'>,
  lease: Lease,
  { letter, failure }: { readonly letter: DeadLetter; readonly failure: DeliveryFailure },
): Promise<void> {
  await writeUnderLease(sessions, lease, {
    statement: `
      UPDATE event_store.dead_letters d
         SET replay = false,
             behind = CASE WHEN d.position > $4 THEN $4::bigint END,
             error = CASE WHEN d.position = $4 THEN $6 ELSE d.error END,
             attempts = CASE WHEN d.position = $4 THEN d.attempts + $7 ELSE d.attempts END
        FROM held WHERE d.consumer = $1 AND d.stream = $5`,
    values: [letter.event.position, letter.event.stream, failure.error.slice(0, MAX_ERROR), failure.attempts],
  })
}

/** Writes only while the lease is held: `statement` reads from `held`, and its values begin at $4. Throws LeaseLost. */
async function writeUnderLease(
  { read }: Pick<Sessions, 'read'>,
  lease: Lease,
  { statement, values }: { readonly statement: string; readonly values: readonly unknown[] },
): Promise<void> {
  const rows = await read(
    `WITH held AS (SELECT 1 FROM event_store.consumers WHERE ${IS_HELD} FOR UPDATE), written AS (${statement})
     SELECT 1 FROM held`,
    [...valuesOf(lease), ...values],
  )
  if (rows.length === 0) throw new LeaseLost(lease.consumer)
}

function toLetter(row: LetterRow): DeadLetter {
  return {
    consumer: row.consumer,
    event: toEvent(row),
    error: row.error,
    attempts: row.attempts,
    parkedAt: row.parked_at.toISOString(),
    ...(row.behind !== null && { behind: toPosition(row.behind) }),
  }
}
