// Renews the leases of a process, saves its consumers' checkpoints and reads their news: one statement for all, in periods.
import { LEASE_DEADLINE, type Lease } from '#platform/event-store/postgres/lease.ts'
import { type Sessions, toPosition } from '#platform/event-store/postgres/sessions.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, jittered, type WakeSignal } from '#platform/resilience/backoff.ts'

export type SavedCheckpoint = {
  /** Returns the position up to which events were handled. */
  readonly handled: () => number
  /** Returns a position that the stored checkpoint must not pass. */
  readonly safe: () => number
  /** The checkpoint as it is in the database, as far as is known. */
  stored: number
  /** The stored checkpoint does not go back behind this, whatever is safe: only a rewind lowers it. */
  floor: number
  /** Called with the stored checkpoint when a server that crashed has lost a later one: checkpoints are not durable at once. */
  readonly onLost: (position: number) => void
}

/** A lease that this process holds. */
export type HeldLease = {
  readonly lease: Lease
  /** Without one, the stored checkpoint stays as it is. */
  readonly checkpoint?: SavedCheckpoint
  /** Called once, when the lease has passed to another. */
  readonly onLost: () => void
  /** When the last renewal that succeeded was sent. */
  renewedAt: number
  isLost: boolean
}

/** The state of a consumer in the database. */
export type ConsumerNews = {
  readonly checkpoint: number
  /** True when nobody holds the lease. */
  readonly isFree: boolean
  /** Left out of all but complete news. */
  readonly deadLetters?: { readonly count: number; readonly isReplayMarked: boolean }
}

type Watcher = {
  readonly consumer: string
  readonly onNews: (news: ConsumerNews) => void
  /** Returns whether news are wanted soon. */
  readonly isUrgent: () => boolean
}

export type LeaseKeeper = AsyncDisposable & {
  /** Renews the lease and saves its checkpoint until the function that is returned is called. */
  hold(held: HeldLease): () => void
  /** Calls `onNews` with all that the keeper reads of the consumer, until the function that is returned is called. */
  watch(watcher: Watcher): () => void
  /** Says that a checkpoint moved, or that a watcher has become urgent. */
  hasWork(): void
  /** Renews all leases and reads complete news now. Rejects while the database is away. */
  renew(): Promise<void>
}

type KeeperOptions = {
  readonly sessions: Pick<Sessions, 'soft'>
  /** Returns whether no other process uses the store: then only a crash makes anybody read a checkpoint. */
  readonly isAlone: () => boolean
  /** Called with the position of the newest event, each time that it is read. */
  readonly onHead: (position: number) => void
  readonly logger: StoreLogger | undefined
}

type KeeperState = KeeperOptions & {
  readonly held: Set<HeldLease>
  readonly watchers: Set<Watcher>
  readonly wakeSignal: WakeSignal
  waiting: PromiseWithResolvers<void>[]
  isClosed: boolean
  /** True while a checkpoint may have to be saved. */
  isDirty: boolean
  dirtyAt: number
  failures: number
  sentAt: number
  renewAt: number
  /** When the loop looks next whether there is something to do. */
  wakeAt: number
}

type NewsRow = {
  head: string
  name: string | null
  checkpoint: string | null
  is_free: boolean | null
  left_ms: number | null
  renewed: string | null
  dead_letters: number | null
  is_replay_marked: boolean | null
}

/** How often leases are renewed and complete news are read, when nothing else happens. */
const RENEW_MS = 3_500
/** The least time between two saves, by which the checkpoint that other processes see lags behind the owner's. */
const SHARED_SAVE_MS = 50
/** Without other processes, whatever moves within this time is saved together at its end. */
const ALONE_SAVE_MS = 500
/** How often checkpoints are read while somebody in this process waits for those of another. */
const URGENT_MS = 25
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 1_500

/**
 * Without leases it only reads. A lease that is given without a checkpoint keeps the one it has; so does one whose
 * checkpoint is behind what was stored last.
 */
const RENEW = `
  WITH renewed AS (
    UPDATE event_store.consumers c
       SET lease_until = ${LEASE_DEADLINE}, checkpoint = CASE WHEN c.checkpoint >= h.stored THEN h.checkpoint ELSE c.checkpoint END
      FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $7::bigint[]) AS h(name, owner, epoch, checkpoint, stored)
     WHERE c.name = h.name AND c.owner = h.owner AND c.epoch = h.epoch
    RETURNING c.name, c.epoch
  )
  SELECT l.head, w.name, c.checkpoint, r.epoch AS renewed,
         (c.owner IS NULL OR c.lease_until < clock_timestamp()) AS is_free,
         (extract(epoch FROM c.lease_until - clock_timestamp()) * 1000)::float8 AS left_ms,
         d.dead_letters, d.is_replay_marked
    FROM (SELECT coalesce(max(position), 0) AS head FROM event_store.events) l
    LEFT JOIN unnest($5::text[]) AS w(name) ON true
    LEFT JOIN event_store.consumers c ON c.name = w.name
    LEFT JOIN renewed r ON r.name = w.name
    LEFT JOIN LATERAL (
      SELECT count(*)::int AS dead_letters, coalesce(bool_or(replay), false) AS is_replay_marked
        FROM event_store.dead_letters WHERE consumer = w.name
    ) d ON $6`

export function startLeaseKeeper(options: KeeperOptions): LeaseKeeper {
  const keeper: KeeperState = {
    ...options,
    held: new Set(),
    watchers: new Set(),
    wakeSignal: createWakeSignal(),
    waiting: [],
    isClosed: false,
    isDirty: false,
    dirtyAt: 0,
    failures: 0,
    sentAt: Number.NEGATIVE_INFINITY,
    renewAt: performance.now() + RENEW_MS,
    wakeAt: 0,
  }
  const running = run(keeper)
  return {
    hold(held) {
      keeper.held.add(held)
      return () => keeper.held.delete(held)
    },
    watch(watcher) {
      keeper.watchers.add(watcher)
      return () => keeper.watchers.delete(watcher)
    },
    hasWork() {
      if (!keeper.isDirty) keeper.dirtyAt = performance.now()
      keeper.isDirty = true
      if (dueAt(keeper) < keeper.wakeAt) keeper.wakeSignal.notify()
    },
    renew() {
      if (keeper.isClosed) return Promise.resolve()
      const waiting = Promise.withResolvers<void>()
      keeper.waiting.push(waiting)
      keeper.wakeSignal.notify()
      return waiting.promise
    },
    async [Symbol.asyncDispose]() {
      keeper.isClosed = true
      keeper.wakeSignal.notify()
      await running
      for (const { resolve } of keeper.waiting) resolve()
    },
  }
}

/** Returns what was handled, but not past the safe position, and never less than what was stored already. */
export function storablePosition({ handled, safe, floor }: SavedCheckpoint): number {
  return Math.max(floor, Math.min(handled(), safe()))
}

/** Returns the checkpoint to save, null when it is saved already. */
function unsavedPosition({ checkpoint }: HeldLease): number | null {
  const position = checkpoint && storablePosition(checkpoint)
  return position === undefined || position === checkpoint?.stored ? null : position
}

async function run(keeper: KeeperState): Promise<void> {
  while (!keeper.isClosed) {
    const now = performance.now()
    if (keeper.waiting.length > 0 || now >= keeper.renewAt) await beat(keeper, 'complete')
    else if (now >= dueAt(keeper)) await beat(keeper, 'partial')
    else {
      keeper.wakeAt = dueAt(keeper)
      await keeper.wakeSignal.wait(keeper.wakeAt - now)
    }
  }
}

function dueAt(keeper: KeeperState): number {
  if (keeper.failures > 0) return keeper.renewAt
  const saveAt = keeper.isAlone() ? keeper.dirtyAt + ALONE_SAVE_MS : keeper.sentAt + SHARED_SAVE_MS
  return Math.min(
    keeper.renewAt,
    keeper.isDirty ? saveAt : Number.POSITIVE_INFINITY,
    isUrgent(keeper) ? keeper.sentAt + URGENT_MS : Number.POSITIVE_INFINITY,
  )
}

function isUrgent({ watchers }: KeeperState): boolean {
  return watchers.values().some(watcher => watcher.isUrgent())
}

/** Renews and reads: everything, or only the checkpoints that moved. */
async function beat(keeper: KeeperState, scope: 'complete' | 'partial'): Promise<void> {
  const waiting = keeper.waiting
  keeper.waiting = []
  const renewals = [...keeper.held]
    .map(held => ({ held, position: unsavedPosition(held) }))
    .filter(({ held, position }) => !held.isLost && (scope === 'complete' || position !== null))
  keeper.sentAt = performance.now()
  try {
    if (scope === 'complete' || renewals.length > 0 || isUrgent(keeper)) {
      const rows = await send(keeper, renewals, scope)
      noteRenewals(keeper, renewals, rows)
      spreadNews(keeper, rows, scope)
    }
    // A checkpoint that its safe position holds back is looked at again, without a statement.
    keeper.isDirty = keeper.held
      .values()
      .some(({ isLost, checkpoint }) => !isLost && checkpoint?.handled() !== checkpoint?.stored)
    keeper.dirtyAt = performance.now()
    keeper.failures = 0
    for (const { resolve } of waiting) resolve()
  } catch (error) {
    if (keeper.failures === 0)
      keeper.logger?.warn({ err: error }, 'consumer leases could not be renewed, retrying')
    keeper.failures += 1
    keeper.renewAt =
      performance.now() + FIRST_RETRY_MS / 2 + fullJitter(keeper.failures, FIRST_RETRY_MS, LAST_RETRY_MS)
    for (const { reject } of waiting) reject(error)
  }
}

type Renewal = { readonly held: HeldLease; readonly position: number | null }

function send(
  { sessions, watchers, held }: KeeperState,
  renewals: readonly Renewal[],
  scope: 'complete' | 'partial',
): Promise<NewsRow[]> {
  const names = new Set([...watchers].map(({ consumer }) => consumer))
  for (const { lease } of held) names.add(lease.consumer)
  return sessions.soft<NewsRow>(RENEW, [
    renewals.map(({ held }) => held.lease.consumer),
    renewals.map(({ held }) => held.lease.owner),
    renewals.map(({ held }) => held.lease.epoch),
    renewals.map(({ position }) => position),
    [...names],
    scope === 'complete',
    renewals.map(({ held, position }) => (position === null ? null : held.checkpoint?.stored)),
  ])
}

/** A name has one lease at a time, so that the epoch says whose it is. */
function noteRenewals(keeper: KeeperState, renewals: readonly Renewal[], rows: readonly NewsRow[]): void {
  const found = new Map(rows.map(row => [row.name, row]))
  for (const { held, position } of renewals) {
    const row = found.get(held.lease.consumer)
    if (row?.renewed === held.lease.epoch) {
      held.renewedAt = keeper.sentAt
      if (held.checkpoint) noteSaved(held.checkpoint, position, toPosition(row.checkpoint ?? '0'))
    } else if (keeper.held.has(held)) {
      held.isLost = true
      held.onLost()
    }
  }
}

/**
 * `found` is the checkpoint that the statement came upon. One that is behind what was stored proves that the server lost
 * later commits, and with them, on one server, what was done softly before them. A rewind meanwhile keeps its lower floor.
 */
function noteSaved(checkpoint: SavedCheckpoint, position: number | null, found: number): void {
  const isLost = found < checkpoint.stored
  checkpoint.stored = isLost ? found : (position ?? found)
  if (isLost) checkpoint.onLost(found)
  else checkpoint.floor = Math.max(checkpoint.floor, Math.min(checkpoint.stored, checkpoint.handled()))
}

function spreadNews(keeper: KeeperState, rows: readonly NewsRow[], scope: 'complete' | 'partial'): void {
  const owned = new Set([...keeper.held].map(({ lease }) => lease.consumer))
  let renewInMs = jittered(RENEW_MS)
  for (const row of rows) {
    const news = toNews(row)
    for (const watcher of keeper.watchers) if (watcher.consumer === row.name) watcher.onNews(news)
    // The lease of a process that died is free then, and not sooner.
    if (row.name !== null && !owned.has(row.name) && row.left_ms !== null && row.left_ms > 0)
      renewInMs = Math.min(renewInMs, row.left_ms + 1)
  }
  if (scope === 'complete') keeper.renewAt = keeper.sentAt + renewInMs
  const [first] = rows
  if (first) keeper.onHead(toPosition(first.head))
}

function toNews(row: NewsRow): ConsumerNews {
  return {
    checkpoint: toPosition(row.checkpoint ?? '0'),
    isFree: row.is_free ?? true,
    ...(row.dead_letters !== null && {
      deadLetters: { count: row.dead_letters, isReplayMarked: row.is_replay_marked ?? false },
    }),
  }
}
