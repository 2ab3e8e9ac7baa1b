// Keeps all group memberships of a process with one statement per period, which tells the ends of topics, too.
import { v7 } from 'uuid'
import type { Notifications } from '#platform/postgres/notifications.ts'
import type { Pool, StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, jittered, type WakeSignal } from '#platform/resilience/backoff.ts'

/** A period of owning a group's checkpoint of one topic. */
type GroupLease = {
  /** Grows with each owner. Every write names it, so that a former owner's writes change nothing. */
  readonly epoch: number
  /** The checkpoint when the period began. */
  readonly position: number
  /** Aborts when the lease is no longer surely held. */
  readonly lost: AbortSignal
  /** Moves the checkpoint within half a second, and when the lease is released. */
  move(position: number): void
}

/** A process's membership in a group of one topic. */
type GroupMember = {
  /** Resolves when the lease is acquired, or to undefined when `signal` aborts. */
  acquired(signal: AbortSignal): Promise<GroupLease | undefined>
  /** Ends the membership: the lease, with the checkpoint, is free for another process. */
  leave(): Promise<void>
}

export type MembershipKeeper = AsyncDisposable & {
  add(group: string, topic: string): GroupMember
}

type KeeperOptions = {
  readonly soft: Pool
  readonly notifications: Pick<Notifications, 'notify' | 'listen'>
  readonly logger: StoreLogger | undefined
  /** The topics whose ends to tell. */
  readonly topics: () => readonly string[]
  readonly onEnd: (topic: string, end: number) => void
}

type HeldLease = GroupLease & {
  moved: number | undefined
  readonly lose: () => void
  expiry: NodeJS.Timeout | undefined
}

type Member = {
  readonly group: string
  readonly topic: string
  /** Tells this membership from all others. */
  readonly owner: string
  readonly changed: WakeSignal
  lease: HeldLease | undefined
}

type KeeperState = KeeperOptions & {
  readonly members: Set<Member>
  readonly wakeSignal: WakeSignal
  dueAt: number
  round: Promise<void>
  failures: number
  isClosed: boolean
}

type Kept = {
  readonly held: readonly { readonly owner: string; readonly epoch: number; readonly position: number }[]
  readonly ends: readonly { readonly topic: string; readonly end_position: number }[]
  /** After this many milliseconds the first lease of another process runs out, unless it is renewed. */
  readonly free_in: number | null
}

/** How long a silent owner keeps its group, and how often a live one renews. */
const LEASE_MS = 7_500
const PERIOD_MS = 3_500
/** The same while checkpoints move: after a crash, what was delivered since is delivered again. */
const MOVING_PERIOD_MS = 500
/** A lease is used only while this much of it is left. */
const MARGIN_MS = 500
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 1_000

const IS_SAME = 'c.owner = m.owner AND c.epoch = m.epoch'

/** Renews the leases that are held, moves their checkpoints, and acquires those that are free or have run out. */
const KEEP = `
WITH member AS (
  SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[])
             AS m (subscriber, topic, owner, epoch, position)
), held AS (
  UPDATE event_bus.checkpoints c
     SET owner = m.owner, seen_at = clock_timestamp(),
         lease_until = clock_timestamp() + ${LEASE_MS} * interval '1 millisecond',
         epoch = CASE WHEN ${IS_SAME} THEN c.epoch ELSE c.epoch + 1 END,
         position = CASE WHEN ${IS_SAME} THEN greatest(c.position, m.position) ELSE c.position END
    FROM member m
   WHERE c.subscriber = m.subscriber AND c.topic = m.topic
     AND (c.owner IS NULL OR c.owner = m.owner OR c.lease_until < clock_timestamp())
  RETURNING c.owner, c.epoch, c.position
)
SELECT (SELECT coalesce(json_agg(held), '[]') FROM held) AS held,
       (SELECT coalesce(json_agg(t), '[]') FROM event_bus.topics t WHERE topic = ANY($6)) AS ends,
       (SELECT 1000 * extract(epoch FROM min(c.lease_until) - clock_timestamp())::float
          FROM event_bus.checkpoints c JOIN member m USING (subscriber, topic)
         WHERE c.owner <> m.owner AND c.lease_until > clock_timestamp()) AS free_in`

const RELEASE = `
UPDATE event_bus.checkpoints SET owner = NULL, lease_until = NULL, position = greatest(position, $5)
 WHERE subscriber = $1 AND topic = $2 AND owner = $3 AND epoch = $4`

/** Runs a round per period, and at once when there is something to acquire. */
export function openMembershipKeeper(options: KeeperOptions): MembershipKeeper {
  const keeper: KeeperState = {
    ...options,
    members: new Set(),
    wakeSignal: createWakeSignal(),
    dueAt: Number.POSITIVE_INFINITY,
    round: Promise.resolve(),
    failures: 0,
    isClosed: false,
  }
  hurry(keeper, PERIOD_MS)
  const running = run(keeper)
  return {
    add: (group, topic) => addMember(keeper, group, topic),
    async [Symbol.asyncDispose]() {
      keeper.isClosed = true
      keeper.wakeSignal.notify()
      await running
    },
  }
}

/** Lets the next round begin after `ms` at the latest. */
function hurry(keeper: KeeperState, ms: number): void {
  const at = performance.now() + ms
  if (at >= keeper.dueAt) return
  keeper.dueAt = at
  keeper.wakeSignal.notify()
}

async function run(keeper: KeeperState): Promise<void> {
  while (!keeper.isClosed) {
    const pause = keeper.dueAt - performance.now()
    if (pause > 0) {
      await keeper.wakeSignal.wait(pause)
      continue
    }
    keeper.dueAt = performance.now() + jittered(PERIOD_MS)
    keeper.round = runRound(keeper)
    await keeper.round
  }
}

async function runRound(keeper: KeeperState): Promise<void> {
  const topics = keeper.topics()
  const members = [...keeper.members].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
  if (topics.length === 0 && members.length === 0) return
  try {
    await keep(keeper, members, topics)
    keeper.failures = 0
  } catch (err) {
    if (keeper.failures === 0) keeper.logger?.warn({ err }, 'bus memberships could not be renewed, retrying')
    hurry(keeper, fullJitter(keeper.failures, FIRST_RETRY_MS, LAST_RETRY_MS))
    keeper.failures += 1
  }
}

async function keep(
  keeper: KeeperState,
  members: readonly Member[],
  topics: readonly string[],
): Promise<void> {
  const startedAt = performance.now()
  const [kept] = await keeper.soft.query<Kept>({
    name: 'keep',
    text: KEEP,
    values: [
      members.map(({ group }) => group),
      members.map(({ topic }) => topic),
      members.map(({ owner }) => owner),
      members.map(({ lease }) => lease?.epoch ?? null),
      members.map(({ lease }) => lease?.moved ?? null),
      topics,
    ],
  })
  if (!kept) return
  const held = new Map(kept.held.map(row => [row.owner, row]))
  const validUntil = startedAt + LEASE_MS - MARGIN_MS
  for (const member of members) {
    const row = held.get(member.owner)
    if (row?.epoch !== member.lease?.epoch) member.lease?.lose()
    if (row) renew(keeper, member, row, validUntil)
  }
  for (const { topic, end_position } of kept.ends) keeper.onEnd(topic, end_position)
  if (kept.free_in !== null) hurry(keeper, kept.free_in + 1)
}

function renew(keeper: KeeperState, member: Member, row: Kept['held'][number], validUntil: number): void {
  member.lease ??= begin(keeper, member, row)
  clearTimeout(member.lease.expiry)
  member.lease.expiry = setTimeout(member.lease.lose, validUntil - performance.now())
}

function begin(keeper: KeeperState, member: Member, { epoch, position }: Kept['held'][number]): HeldLease {
  const ending = new AbortController()
  const lease: HeldLease = {
    epoch,
    position,
    lost: ending.signal,
    moved: undefined,
    expiry: undefined,
    move(position) {
      lease.moved = position
      hurry(keeper, MOVING_PERIOD_MS)
    },
    lose() {
      clearTimeout(lease.expiry)
      if (member.lease === lease) member.lease = undefined
      ending.abort()
    },
  }
  member.changed.notify()
  return lease
}

function addMember(keeper: KeeperState, group: string, topic: string): GroupMember {
  const member: Member = { group, topic, owner: v7(), changed: createWakeSignal(), lease: undefined }
  const stopListening = keeper.notifications.listen(nameOf(member), () => {
    if (!member.lease) hurry(keeper, 0)
  })
  keeper.members.add(member)
  hurry(keeper, 0)
  return {
    async acquired(signal) {
      signal.addEventListener('abort', member.changed.notify)
      while (!signal.aborted && !member.lease) await member.changed.wait()
      signal.removeEventListener('abort', member.changed.notify)
      return signal.aborted ? undefined : member.lease
    },
    async leave() {
      stopListening()
      keeper.members.delete(member)
      await keeper.round // it may have acquired the lease
      await release(keeper, member)
    },
  }
}

async function release({ soft, notifications }: KeeperState, member: Member): Promise<void> {
  const { group, topic, owner, lease } = member
  if (!lease) return
  const values = [group, topic, owner, lease.epoch, lease.moved ?? null]
  await soft.query({ name: 'release', text: RELEASE, values }).catch(() => {}) // it runs out by itself
  lease.lose()
  notifications.notify(nameOf(member))
}

/** Returns the topic of notifications about a free lease. */
function nameOf({ group, topic }: Pick<Member, 'group' | 'topic'>): string {
  return `group ${group} ${topic}`
}
