// Publishes messages in PostgreSQL: what arrives from all publishers of the process within a moment is one statement,
// which tells other processes of them as well.
import type { BusMessage, SoftPublication } from '#platform/event-bus/event-bus.ts'
import { type Batch, fromJson, toBatches } from '#platform/event-bus/postgres/batch-codec.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { createGroupCommit } from '#platform/event-store/group-commit.ts'
import { type Pool, sqlState } from '#platform/postgres/pool.ts'

/** Messages that are committed, and where their topic ended before. */
export type PublishedMessages = {
  readonly messages: readonly BusMessage[]
  readonly previousEnd: number
}

export type Publication = PublishedMessages & {
  readonly topic: string
  /** True when the statement that published them has told other processes. */
  readonly isAnnounced: boolean
}

type PublisherOptions = {
  /** Its commits are on disk when they return, and so are all before them. */
  readonly durable: Pool
  /** Its commits may be lost in a crash of the server. */
  readonly soft: Pool
  /** Returns the payload of a notification about a topic; undefined when a notification is to be sent apart, if at all. */
  readonly payloadOf: (topic: string) => string | undefined
  /** Called for each topic, in the order of commits, which may not be on disk yet. */
  readonly onPublished: (publication: Publication) => void
}

type QueuedMessages = {
  readonly topic: string
  readonly messages: readonly BusMessage[]
  readonly soft: SoftPublication | undefined
}
type TopicEnd = { readonly topic: string; readonly previous_end: string }

/** The least time between two statements: under load, what is published meanwhile waits for the next. */
const SPACING_MS = 10
/** Messages per statement. */
const MAX_MESSAGES = 1_000
const MAX_QUEUED = 10_000
const MAX_QUEUED_MESSAGES = 100_000

/** Larger batches are not told but read: NOTIFY takes less than 8,000 bytes. */
const MAX_TOLD_BYTES = 7_500

/** The channel of the bus's notifications. */
export const CHANNEL = 'waybill_event_bus'

/**
 * Passes over topics that lack a message, and over batches that a topic has already; it may have a batch's first messages
 * alone, and readers pass over these. The topics are locked first and in order, so that publishers of several processes never wait
 * for each other in a circle. A notification tells where the topic ended before, and the messages if they are few.
 */
const PUBLISH = `
WITH given AS (
  SELECT * FROM unnest($4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
             AS g (topic, last, after, payload, told)
), ends AS (
  INSERT INTO event_bus.topics AS t (topic, end_position)
  SELECT topic, last FROM given
   WHERE after = 0 OR EXISTS (SELECT FROM event_bus.topics existing WHERE existing.topic = given.topic)
  ON CONFLICT (topic) DO UPDATE
     SET previous_end = t.end_position, end_position = greatest(t.end_position, excluded.end_position)
   WHERE t.end_position >= (SELECT after FROM given WHERE given.topic = t.topic)
  RETURNING topic, previous_end
), published AS (
  INSERT INTO event_bus.batches (topic, last, messages)
  SELECT b.* FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS b (topic, last, messages)
    JOIN ends ON ends.topic = b.topic AND b.last > ends.previous_end
)
SELECT ends.topic, previous_end,
       (SELECT pg_notify('${CHANNEL}', concat(payload, E'\\n' || previous_end || ' ' || told)) WHERE payload IS NOT NULL)::text
  FROM ends JOIN given USING (topic)`

/** Writes something of no meaning to the log, because a transaction that wrote nothing does not wait for the disk. */
const FLUSH = `SELECT pg_logical_emit_message(true, '${CHANNEL}', '')`

/** Returns `publish` of the port, but for one publisher of a topic at a time in the whole process. */
export function createPublisher(options: PublisherOptions) {
  const groupCommit = createGroupCommit<QueuedMessages, boolean>({
    keys: ({ topic }) => [topic],
    weight: ({ messages }) => messages.length,
    isPoison: isDataError,
    maxItems: MAX_MESSAGES,
    maxWeight: MAX_MESSAGES,
    maxQueued: MAX_QUEUED,
    maxQueuedWeight: MAX_QUEUED_MESSAGES,
    spacingMs: SPACING_MS,
    send: group => send(options, group),
  })
  return async (topic: string, events: readonly RecordedEvent[], soft?: SoftPublication) => {
    let after = soft
    for (let start = 0; start < events.length; start += MAX_MESSAGES) {
      const messages = events.slice(start, start + MAX_MESSAGES).map(event => toMessage(topic, event))
      if (!(await groupCommit.add({ topic, messages, soft: after }))) return false
      after &&= { after: messages.at(-1)?.position ?? 0 }
    }
    return true
  }
}

/**
 * NOTIFY takes a lock of the whole server until its commit is done, so that it never shares one that waits for the disk:
 * whoever needs that waits for the disk afterwards. What a crash takes in between is not acknowledged, so that its
 * publisher publishes it again.
 */
async function send(
  { durable, soft, payloadOf, onPublished }: PublisherOptions,
  group: readonly QueuedMessages[],
): Promise<boolean[]> {
  const payloads = new Map(group.map(({ topic }) => [topic, payloadOf(topic)]))
  const ends = await soft.query<TopicEnd>({
    name: 'publish',
    text: PUBLISH,
    values: toColumns(group, payloads),
  })
  const previousEnds = new Map(ends.map(end => [end.topic, Number(end.previous_end)]))
  const outcomes = group.map(({ topic, messages }) => {
    const previousEnd = previousEnds.get(topic)
    if (previousEnd === undefined) return false
    onPublished({ topic, messages, previousEnd, isAnnounced: payloads.get(topic) !== undefined })
    return true
  })
  if (!group.every(item => item.soft)) await durable.query({ name: 'flush', text: FLUSH })
  return outcomes
}

function isDataError(error: unknown): boolean {
  return /^(22|54)/.test(sqlState(error) ?? '')
}

function toMessage(topic: string, event: RecordedEvent): BusMessage {
  return {
    topic,
    position: event.position,
    eventId: event.id,
    stream: event.stream,
    version: event.version,
    type: event.type,
    data: event.data,
    meta: event.meta,
    at: event.recordedAt,
  }
}

function toColumns(
  group: readonly QueuedMessages[],
  payloads: ReadonlyMap<string, string | undefined>,
): unknown[] {
  const sorted = group.toSorted((one, other) => (one.topic < other.topic ? -1 : 1))
  const batchesOf = sorted.map(item => toBatches(item.messages))
  const batches = batchesOf.flat()
  return [
    batches.map(({ topic }) => topic),
    batches.map(({ last }) => last),
    batches.map(({ messages }) => messages),
    sorted.map(({ topic }) => topic),
    sorted.map(item => Math.max(...item.messages.map(({ position }) => position))),
    sorted.map(item => item.soft?.after ?? 0),
    sorted.map(({ topic }) => payloads.get(topic) ?? null),
    batchesOf.map(toldOf),
  ]
}

function toldOf([batch, ...more]: readonly Batch[]): string | null {
  const isSmall = batch && more.length === 0 && Buffer.byteLength(batch.json) <= MAX_TOLD_BYTES
  return isSmall ? batch.json : null
}

/** Returns the messages that the content of a notification tells, which PUBLISH writes. */
export function readTold(content: string): PublishedMessages {
  const space = content.indexOf(' ')
  return { previousEnd: Number(content.slice(0, space)), messages: fromJson(content.slice(space + 1)) }
}
