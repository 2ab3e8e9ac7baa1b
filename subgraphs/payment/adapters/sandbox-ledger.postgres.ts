// Stores the sandbox provider's ledger: one row per operation, in schema `sandbox_provider` of the payment database.
import { inTransaction, openPool, type StoreLogger } from '#platform/postgres/pool.ts'
import type { ProviderNotice } from './payment-provider.ts'
import type { Script } from './sandbox-scenarios.ts'

/** Advisory locks: one for creating the table, and the space of those that serialise the operations on one tender. */
const SCHEMA_LOCK = 7_234_105
const TENDER_LOCKS = 7_234_106

/**
 * `notify_at`: when the notice about a pending approval is due, and how long an instance that sends it keeps it to
 * itself; null when there is none, or none any more. A `failed` row remembers a first call that was let fail. `script`,
 * of an authorisation, is what its token does at the first, second … call of each kind in one payment.
 */
const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS sandbox_provider;
  CREATE TABLE IF NOT EXISTS sandbox_provider.operations (
    idempotency_key text PRIMARY KEY,
    operation text NOT NULL,
    reference text NOT NULL,
    tender_id text NOT NULL,
    minor bigint NOT NULL,
    currency text,
    status text NOT NULL,
    code text,
    retryable boolean,
    provider_ref text NOT NULL,
    approval text,
    notify_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL
  ) WITH (fillfactor = 80);
  ALTER TABLE sandbox_provider.operations
    ADD COLUMN IF NOT EXISTS token text,
    ADD COLUMN IF NOT EXISTS script jsonb,
    ADD COLUMN IF NOT EXISTS expires_at timestamptz;
  CREATE INDEX IF NOT EXISTS operations_tender ON sandbox_provider.operations (reference, tender_id);
  CREATE INDEX IF NOT EXISTS operations_due ON sandbox_provider.operations (notify_at) WHERE notify_at IS NOT NULL;
`

/**
 * Carries out one operation once, in one round trip: the row under its key is the result of all repeats. Being plpgsql,
 * each statement inside sees what was committed before the tender's lock was got.
 */
const OPERATE = `
CREATE OR REPLACE FUNCTION sandbox_provider.operate(
  call_key text, call_operation text, call_reference text, call_tender text, call_minor bigint, call_currency text,
  call_ref text, call_only_ref text, wanted text, wanted_code text, wanted_retryable boolean,
  wanted_approval text, notice_at timestamptz, let_fail boolean, made timestamptz,
  call_token text, call_script jsonb, call_expiry timestamptz
) RETURNS SETOF sandbox_provider.operations LANGUAGE plpgsql AS $$
DECLARE
  known sandbox_provider.operations;
  authorised sandbox_provider.operations;
  room bigint := 0;
  void_before boolean;
  result text := wanted;
  reason text := wanted_code;
  again boolean := coalesce(wanted_retryable, false);
  amount bigint := call_minor;
  money text := call_currency;
  script jsonb := call_script;
  owner text := call_token;
  step jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(${TENDER_LOCKS}, hashtext(call_reference || ' ' || call_tender));
  SELECT * INTO known FROM sandbox_provider.operations o WHERE o.idempotency_key = call_key;
  IF FOUND AND known.status <> 'failed' THEN
    RETURN NEXT known;
    RETURN;
  END IF;

  SELECT * INTO authorised FROM sandbox_provider.operations o
   WHERE o.reference = call_reference AND o.tender_id = call_tender AND o.operation = 'authorise'
   ORDER BY o.made_at DESC LIMIT 1 FOR UPDATE;
  SELECT coalesce(sum(CASE
           WHEN o.operation = 'authorise' AND call_operation IN ('capture', 'void') THEN o.minor
           WHEN o.operation = 'capture' AND call_operation = 'refund' THEN o.minor
           WHEN o.operation = 'capture' AND call_operation IN ('capture', 'void') THEN -o.minor
           WHEN o.operation = 'void' AND call_operation IN ('capture', 'void') THEN -o.minor
           WHEN o.operation = 'refund' AND call_operation = 'refund' THEN -o.minor
           ELSE 0 END), 0),
         coalesce(bool_or(o.operation = 'void'), false)
    INTO room, void_before
    FROM sandbox_provider.operations o
   WHERE o.reference = call_reference AND o.tender_id = call_tender AND o.status = 'approved'
     AND (o.currency = call_currency OR call_operation = 'void' OR o.operation = 'void');

  IF call_operation <> 'authorise' THEN
    script := authorised.script;
    owner := authorised.token;
  END IF;
  IF script ? call_operation THEN
    step := script -> call_operation -> (
      SELECT count(*)::int FROM sandbox_provider.operations o
       WHERE o.reference = call_reference AND o.operation = call_operation AND o.token = owner);
  END IF;

  CASE call_operation
    WHEN 'authorise' THEN
      IF void_before THEN result := 'declined'; reason := 'voided'; END IF;
      IF let_fail AND known.idempotency_key IS NULL THEN result := 'failed'; END IF;
    WHEN 'void' THEN
      amount := CASE WHEN call_only_ref IS NULL OR call_only_ref = authorised.provider_ref
        THEN greatest(room, 0) ELSE 0 END;
      UPDATE sandbox_provider.operations o SET status = 'cancelled', notify_at = NULL
       WHERE o.idempotency_key = authorised.idempotency_key AND o.status = 'pending' AND NOT coalesce(step ? 'code', false)
         AND (call_only_ref IS NULL OR call_only_ref = authorised.provider_ref);
    ELSE
      IF room < call_minor THEN result := 'declined'; reason := 'amount_too_large'; END IF;
      IF call_operation = 'capture' AND authorised.expires_at <= made THEN
        result := 'declined'; reason := 'authorisation_expired';
      END IF;
  END CASE;
  IF result = 'approved' AND step IS NOT NULL THEN
    IF step ? 'code' THEN
      result := 'declined'; reason := step ->> 'code'; again := (step ->> 'retryable')::boolean;
    END IF;
    IF step ? 'share' THEN amount := floor(amount * (step ->> 'share')::numeric); END IF;
    money := coalesce(step ->> 'currency', money);
  END IF;

  RETURN QUERY
  INSERT INTO sandbox_provider.operations AS o (idempotency_key, operation, reference, tender_id, minor, currency,
    status, code, retryable, provider_ref, approval, notify_at, made_at, token, script, expires_at)
  VALUES (call_key, call_operation, call_reference, call_tender, amount, money,
    result, CASE WHEN result = 'declined' THEN reason END, again, call_ref,
    CASE WHEN result = 'pending' THEN wanted_approval END, CASE WHEN result = 'pending' THEN notice_at END, made,
    owner, call_script, call_expiry)
  ON CONFLICT (idempotency_key) DO UPDATE SET status = excluded.status, code = excluded.code
  RETURNING o.*;
END $$;
`

/** Claiming a notice carries out the approval, or the decline, that it reports. Several processes never claim the same. */
const CLAIM = `
  WITH due AS (
    SELECT idempotency_key FROM sandbox_provider.operations
    WHERE notify_at <= $1 ORDER BY notify_at LIMIT $3 FOR UPDATE SKIP LOCKED
  )
  UPDATE sandbox_provider.operations o
  SET notify_at = $2, attempts = o.attempts + 1,
    status = CASE WHEN o.status = 'pending' THEN o.approval ELSE o.status END
  FROM due WHERE o.idempotency_key = due.idempotency_key
  RETURNING o.idempotency_key AS key, o.reference, o.tender_id AS "tenderId", o.provider_ref AS "providerRef",
    o.approval, o.attempts`

const SETTLE = `
  UPDATE sandbox_provider.operations o SET notify_at = told.again_at
  FROM unnest($1::text[], $2::timestamptz[]) AS told(key, again_at) WHERE o.idempotency_key = told.key`

const SUMS = `
  SELECT tender_id AS "tenderId",
    coalesce(sum(minor) FILTER (WHERE operation = 'authorise'), 0)::float8 AS authorised,
    coalesce(sum(minor) FILTER (WHERE operation = 'capture'), 0)::float8 AS captured,
    coalesce(sum(minor) FILTER (WHERE operation = 'void'), 0)::float8 AS voided,
    coalesce(sum(minor) FILTER (WHERE operation = 'refund'), 0)::float8 AS refunded,
    array_agg(operation ORDER BY made_at, idempotency_key) AS operations
  FROM sandbox_provider.operations WHERE reference = $1 AND status = 'approved' GROUP BY tender_id ORDER BY tender_id`

type LedgerCall = {
  readonly key: string
  readonly operation: 'authorise' | 'capture' | 'void' | 'refund'
  readonly reference: string
  readonly tenderId: string
  readonly minor: number
  readonly currency: string | null
  /** The provider reference of the operation, if it is new. */
  readonly providerRef: string
  /** The one authorisation that a void is for. */
  readonly onlyRef?: string
  readonly wanted: 'approved' | 'declined' | 'pending'
  readonly code?: string
  readonly retryable?: boolean
  readonly approval?: 'approved' | 'declined' | 'never'
  readonly noticeAt?: Date
  readonly letFail?: boolean
  readonly at: Date
  /** The token of an authorisation, what the token does later, and when the authorisation ends. */
  readonly token?: string
  readonly script?: Script
  readonly expiresAt?: Date
}

/** `failed`: the call was let fail, and the next one under its key will not be. */
export type LedgerRow = {
  readonly status: 'approved' | 'declined' | 'pending' | 'cancelled' | 'failed'
  readonly code: string | null
  readonly retryable: boolean | null
  readonly providerRef: string
  readonly approval: string | null
  /** The amount that was really authorised or moved. */
  readonly minor: number
  readonly currency: string | null
  readonly expiresAt: Date | null
}

/** The amounts that really moved for one tender, in minor units, and the approved operations, oldest first. */
export type TenderSums = {
  readonly tenderId: string
  readonly authorised: number
  readonly captured: number
  readonly voided: number
  readonly refunded: number
  readonly operations: readonly string[]
}

export type ClaimedNotice = Pick<ProviderNotice, 'reference' | 'tenderId' | 'providerRef'> & {
  readonly key: string
  readonly approval: 'approved' | 'declined'
  readonly attempts: number
}

export interface Ledger extends AsyncDisposable {
  operate(call: LedgerCall): Promise<LedgerRow>
  sums(reference: string): Promise<TenderSums[]>
  claim(now: Date, leaseUntil: Date, limit: number): Promise<ClaimedNotice[]>
  /** `againAt` is null for a notice that was taken. */
  recordSent(notices: readonly { readonly key: string; readonly againAt: Date | null }[]): Promise<void>
}

/**
 * Throws CallerError UNAVAILABLE from any call while the database is away. Its commits do not wait for the disk: it is in the
 * database of payment's events, so a crash that takes a row has taken what payment made of the answer too, and payment
 * repeats the call.
 */
export async function openLedger(databaseUrl: string, logger: StoreLogger): Promise<Ledger> {
  await inTransaction(databaseUrl, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK])
    await session.query(SCHEMA)
    await session.query(OPERATE)
  })
  const pool = openPool({
    url: databaseUrl,
    purpose: 'sandbox payment provider',
    max: 4,
    logger,
    soft: true,
    byIndex: true,
  })
  return {
    async operate(call) {
      const text = `
        SELECT status, code, retryable, provider_ref AS "providerRef", approval, minor::float8 AS minor, currency,
          expires_at AS "expiresAt"
        FROM sandbox_provider.operate($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`
      const rows = await pool.query<LedgerRow>({ name: 'sandbox-operate', text, values: valuesOf(call) })
      const [row] = rows
      if (!row) throw new Error('the sandbox ledger answered nothing')
      return row
    },
    sums: reference => pool.query<TenderSums>({ text: SUMS, values: [reference] }),
    claim: (now, leaseUntil, limit) =>
      pool.query<ClaimedNotice>({ name: 'sandbox-claim', text: CLAIM, values: [now, leaseUntil, limit] }),
    async recordSent(notices) {
      const values = [notices.map(({ key }) => key), notices.map(({ againAt }) => againAt)]
      await pool.query({ name: 'sandbox-settle', text: SETTLE, values })
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

function valuesOf(call: LedgerCall): unknown[] {
  return [
    ...[call.key, call.operation, call.reference, call.tenderId, call.minor, call.currency],
    ...[call.providerRef, call.onlyRef ?? null, call.wanted, call.code ?? null, call.retryable ?? null],
    ...[call.approval ?? null, call.noticeAt ?? null, call.letFail ?? false, call.at],
    ...[call.token ?? null, call.script ? JSON.stringify(call.script) : null, call.expiresAt ?? null],
  ]
}
