// Writes copies of the template orders' histories straight into the event stores, and moves every reader past them.
import {
  fillMarks,
  isMarked,
  loadTemplate,
  markText,
  type Session,
  type Template,
  type TemplateTimes,
} from '#bench/growth/template.ts'
import type { StreamId } from '#platform/event-store/event-store.ts'
import { findAll } from '#platform/read-models/find-all.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document, GuardedWrite, ReadModels } from '#platform/read-models/read-models.ts'

/** The numbers of the copies to write: `from` included, `to` excluded. */
export type Copies = { readonly from: number; readonly to: number }

const COPIES_AT_ONCE = 100
const WRITES_AT_ONCE = 1_000

/** A stream that takes part in every copy: with `perCopy` events each, past version `base`. */
export type SharedStream = { readonly stream: StreamId; readonly base: number; readonly perCopy: number }

/** Where the copies of a log are: after `base`, each with `size` positions. */
type Placement = {
  readonly base: number
  readonly size: number
  readonly shared: readonly SharedStream[]
}

/** Writes the copies of one database, in a session of its own. */
export async function copyHistories(
  session: Session,
  template: Template,
  { from, to }: Copies,
): Promise<Placement> {
  await session.query('SET synchronous_commit = off')
  await loadTemplate(session, template)
  const base = await headOf(session)
  const size = template.events.at(-1)?.place ?? 0
  await session.query(`CREATE TEMP TABLE shared_streams AS
    SELECT t.stream, count(*)::int AS per_copy,
           (SELECT coalesce(max(e.version), 0) FROM event_store.events e WHERE e.stream = t.stream) AS version
      FROM template_events t WHERE t.shared GROUP BY t.stream`)
  const { rows: shared } = await session.query<SharedStream>(
    'SELECT stream, version AS base, per_copy AS "perCopy" FROM shared_streams ORDER BY stream',
  )
  const sources = new Set(template.rows.map(({ source }) => source))
  for (let copy = from; copy < to; copy += COPIES_AT_ONCE) {
    const range = [from, copy, Math.min(copy + COPIES_AT_ONCE, to) - 1, base, size]
    await session.query(COPY_EVENTS, range)
    for (const source of sources) await session.query(copyRows(source), range)
  }
  await session.query('UPDATE event_store.consumers SET checkpoint = $1', [base + (to - from) * size])
  return { base, size, shared }
}

async function headOf(session: Session): Promise<number> {
  const { rows } = await session.query<{ head: number }>(
    'SELECT coalesce(max(position), 0)::float8 AS head FROM event_store.events',
  )
  return rows[0]?.head ?? 0
}

/** The stream of a product takes part in every copy, so that its versions go on from copy to copy. */
const COPY_EVENTS = `
INSERT INTO event_store.events (position, stream, version, schema, id, type, data, meta, recorded_at)
SELECT $4::bigint + (copy - $1::int)::bigint * $5::int + t.place,
       pg_temp.fill(t.stream, copy),
       t.version + CASE WHEN t.shared THEN s.version + (copy - $1::int) * s.per_copy ELSE 0 END,
       t.schema, pg_temp.fill(t.id, copy)::uuid, t.type,
       pg_temp.fill(t.data, copy)::json, pg_temp.fill(t.meta, copy)::json,
       timestamptz '2026-01-01Z' + copy * interval '1 minute' + t.seconds * interval '1 second'
  FROM generate_series($2::int, $3::int) copy
 CROSS JOIN template_events t LEFT JOIN shared_streams s ON s.stream = t.stream
 ORDER BY copy, t.place`

function copyRows(source: string): string {
  return `
INSERT INTO ${source}
SELECT (jsonb_populate_record(NULL::${source}, pg_temp.fill(t.row, copy)::jsonb || CASE WHEN t.place IS NULL THEN '{}'
         ELSE jsonb_build_object('position', $4::bigint + (copy - $1::int)::bigint * $5::int + t.place) END)).*
  FROM generate_series($2::int, $3::int) copy CROSS JOIN template_rows t WHERE t.source = '${source}'
    ON CONFLICT DO NOTHING`
}

/** Lets the bus go on after the copies, as if their messages had been published and deleted. */
export async function skipOnBus(session: Session, heads: Readonly<Record<string, number>>): Promise<void> {
  await session.query('DELETE FROM event_bus.batches')
  for (const [topic, head] of Object.entries(heads)) {
    await session.query(
      'UPDATE event_bus.topics SET end_position = $2, previous_end = $2, trimmed_to = $2 WHERE topic = $1',
      [topic, head],
    )
    await session.query('UPDATE event_bus.checkpoints SET position = $2 WHERE topic = $1', [topic, head])
  }
}

/** A document of a template order; its position counts from the template's first event. */
export type TemplateDocument = { readonly id: string; readonly text: string; readonly place: number }

/** Returns the documents of `view` that belong to one order or customer of the template. There are none in a view of totals. */
export async function templateDocuments(
  readModels: ReadModels,
  view: View<Document>,
  { after, times }: { readonly after: number; readonly times: TemplateTimes },
): Promise<readonly TemplateDocument[]> {
  const collection = await readModels.collection(view.collection)
  const ids: string[] = []
  for await (const { id } of findAll(collection, { limit: 1_000 })) ids.push(id)
  const stored = await collection.load(ids)
  return [...stored].flatMap(([id, { doc, position }]) => {
    const marked = markText(id, times)
    if (doc === null || position <= after || !isMarked(marked)) return []
    return [{ id: marked, text: markText(JSON.stringify(doc), times), place: position - after }]
  })
}

/** Writes the documents of the copies. `changedAt` is the position of an event. */
export async function copyDocuments(
  readModels: ReadModels,
  view: View<Document>,
  documents: readonly TemplateDocument[],
  { from, to, base, size, after }: Copies & Placement & { readonly after: number },
): Promise<void> {
  const collection = await readModels.collection(view.collection)
  let writes: GuardedWrite<Document>[] = []
  for (let copy = from; copy < to; copy++) {
    const start = base + (copy - from) * size
    for (const { id, text, place } of documents) {
      const doc: Document = JSON.parse(fillMarks(text, copy))
      const moved =
        typeof doc.changedAt === 'number' ? { ...doc, changedAt: doc.changedAt - after + start } : doc
      writes.push({ id: fillMarks(id, copy), doc: moved, position: start + place })
    }
    if (writes.length < WRITES_AT_ONCE && copy < to - 1) continue
    await collection.write(writes)
    writes = []
  }
}
