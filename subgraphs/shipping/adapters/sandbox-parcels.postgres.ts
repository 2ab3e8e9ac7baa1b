// Stores the sandbox carrier's parcels: one row each, in schema `sandbox_carrier` of the shipping database.
import { inTransaction, openPool } from '#platform/postgres/pool.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import type { Journey } from './sandbox-scenarios.ts'

/** Names the advisory lock under which the table is made. */
const SCHEMA_LOCK = 7_234_104

/**
 * `step` notices are sent; the next one happened at `step_at` and is to be sent at `due_at`, which is also how long
 * an instance that sends it keeps it to itself. Without `due_at` nothing follows until the collection is requested.
 */
const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS sandbox_carrier;
  CREATE TABLE IF NOT EXISTS sandbox_carrier.parcels (
    reference text PRIMARY KEY,
    tracking_number text NOT NULL,
    journey text NOT NULL,
    at_once boolean NOT NULL,
    estimated_delivery timestamptz NOT NULL,
    step integer NOT NULL DEFAULT 0,
    step_at timestamptz,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    collected_at timestamptz,
    cancelled_at timestamptz
  ) WITH (fillfactor = 70);
  CREATE INDEX IF NOT EXISTS parcels_due ON sandbox_carrier.parcels (due_at) WHERE due_at IS NOT NULL;
`

const BOOK = `
  INSERT INTO sandbox_carrier.parcels
    (reference, tracking_number, journey, at_once, estimated_delivery, step_at, due_at)
  VALUES ($1, $2, $3, $4, $5, $6, $6)
  ON CONFLICT (reference) DO NOTHING RETURNING reference`

const FIND = `
  SELECT tracking_number AS "trackingNumber", estimated_delivery AS "estimatedDelivery",
    collected_at IS NOT NULL AS collected, cancelled_at IS NOT NULL AS cancelled
  FROM sandbox_carrier.parcels WHERE reference = $1`

const CANCEL = `
  UPDATE sandbox_carrier.parcels SET cancelled_at = coalesce(cancelled_at, $2), due_at = NULL
  WHERE reference = $1 AND collected_at IS NULL`

const COLLECT = `
  UPDATE sandbox_carrier.parcels SET collected_at = $2, step_at = $2, due_at = $2
  WHERE reference = $1 AND collected_at IS NULL AND cancelled_at IS NULL`

/** Records how the last notices were received, and claims the parcels that are due, in one statement. */
const CLAIM = `
  WITH told AS (
    SELECT * FROM unnest($1::text[], $2::int[], $3::boolean[], $4::timestamptz[])
      AS told(reference, step, heard, next_at)
  ), settled AS (
    UPDATE sandbox_carrier.parcels parcel SET
      step = CASE WHEN told.heard THEN told.step + 1 ELSE told.step END,
      step_at = CASE WHEN told.heard THEN told.next_at ELSE parcel.step_at END,
      due_at = told.next_at,
      attempts = CASE WHEN told.heard THEN 0 ELSE parcel.attempts + 1 END
    FROM told WHERE parcel.reference = told.reference AND parcel.step = told.step
  ), due AS (
    SELECT reference FROM sandbox_carrier.parcels
    WHERE due_at <= $5 AND reference <> ALL ($1::text[])
    ORDER BY due_at LIMIT $7 FOR UPDATE SKIP LOCKED
  )
  UPDATE sandbox_carrier.parcels parcel SET due_at = $6, collected_at = coalesce(parcel.collected_at, $5)
  FROM due WHERE parcel.reference = due.reference
  RETURNING parcel.reference, parcel.tracking_number AS "trackingNumber", parcel.journey,
    parcel.at_once AS "atOnce", parcel.estimated_delivery AS "estimatedDelivery", parcel.step,
    parcel.step_at AS "stepAt", parcel.attempts`

export type NewParcel = {
  readonly reference: string
  readonly trackingNumber: string
  readonly journey: Journey
  readonly atOnce: boolean
  readonly estimatedDelivery: Date
  /** The time of the collection; null while the parcel waits for a request. */
  readonly collection: Date | null
}

type FoundParcel = Pick<NewParcel, 'trackingNumber' | 'estimatedDelivery'> & {
  readonly collected: boolean
  readonly cancelled: boolean
}

/** A parcel whose next notice this process is to send. */
export type ClaimedParcel = Omit<NewParcel, 'collection'> & {
  readonly step: number
  readonly stepAt: Date
  readonly attempts: number
}

/** The result of sending a notice. `nextAt` is the time of the next step (null after the last), or of the next try. */
export type SentNotice = {
  readonly reference: string
  readonly step: number
  readonly taken: boolean
  readonly nextAt: Date | null
}

type Claim = {
  /** The notices of the last claim. */
  readonly sent: readonly SentNotice[]
  readonly now: Date
  /** Until when the claimed parcels are left to this process. */
  readonly leaseUntil: Date
  readonly limit: number
}

export interface Parcels extends AsyncDisposable {
  /** Returns whether the reference was new: it is booked once. */
  book(parcel: NewParcel): Promise<boolean>
  find(reference: string): Promise<FoundParcel | undefined>
  /** Counts unless it is collected. */
  cancel(reference: string, at: Date): Promise<void>
  /** Counts unless it is collected or cancelled. */
  collect(reference: string, at: Date): Promise<void>
  /** Claimed parcels count as collected. Several processes never claim the same. */
  claim(claim: Claim): Promise<ClaimedParcel[]>
}

/**
 * Throws CallerError UNAVAILABLE from any call while the database is away. Its commits do not wait for the disk: it is in the
 * database of shipping's events, so a crash that takes a row has taken what shipping made of the answer too, and shipping
 * repeats the call.
 */
export async function openParcels(databaseUrl: string, logger: Logger): Promise<Parcels> {
  await inTransaction(databaseUrl, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK])
    await session.query(SCHEMA)
  })
  const pool = openPool({
    url: databaseUrl,
    purpose: 'sandbox carrier',
    max: 4,
    logger,
    soft: true,
    byIndex: true,
  })
  return {
    async book({ reference, trackingNumber, journey, atOnce, estimatedDelivery, collection }) {
      const values = [reference, trackingNumber, journey, atOnce, estimatedDelivery, collection]
      return (await pool.query({ name: 'parcel-book', text: BOOK, values })).length === 1
    },
    async find(reference) {
      return (await pool.query<FoundParcel>({ name: 'parcel-find', text: FIND, values: [reference] }))[0]
    },
    async cancel(reference, at) {
      await pool.query({ text: CANCEL, values: [reference, at] })
    },
    async collect(reference, at) {
      await pool.query({ text: COLLECT, values: [reference, at] })
    },
    claim({ sent, now, leaseUntil, limit }) {
      const columns = [
        sent.map(({ reference }) => reference),
        sent.map(({ step }) => step),
        sent.map(({ taken }) => taken),
        sent.map(({ nextAt }) => nextAt?.toISOString() ?? null),
      ]
      const values = [...columns, now, leaseUntil, limit]
      return pool.query<ClaimedParcel>({ name: 'parcel-claim', text: CLAIM, values })
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}
