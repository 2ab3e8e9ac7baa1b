// Turns the histories of real orders into templates: texts in which what differs from copy to copy is marked.
import type pg from 'pg'

export type Session = Pick<pg.Client, 'query'>

/** Each mark in a template's texts stands for the value that `fillMarks` puts in its place. */
const MARKS = { lower: '\u0001', upper: '\u0002', minute: '\u0003' } as const

/** Digits of a copy's number, in hexadecimal. */
const COPY_DIGITS = 4

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // UUIDs, order numbers, tracking numbers, and the payment provider's references. The digits `fff` keep a copy's UUIDs
  // apart from those of the template, whichever digits these end with.
  [
    /([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f])[0-9a-f]{3}(-[0-9a-f]{4}-[0-9a-f]{8})[0-9a-f]{4}/g,
    `$1fff$2${MARKS.lower}`,
  ],
  [/\b(W[0-9A-HJKMNP-TV-Z]{6})[0-9A-HJKMNP-TV-Z]{4}\b/g, `$1${MARKS.upper}`],
  [/\b(SB[0-9A-F]{12})[0-9A-F]{4}\b/g, `$1${MARKS.upper}`],
  [/\b(sbx_[0-9a-f]{16})[0-9a-f]{4}\b/g, `$1${MARKS.lower}`],
]
const MINUTE = /\d{4}-\d\d-\d\dT\d\d:\d\d(?=:\d\d)/g

/** The times at which the template's orders began and ended. Times outside, such as deadlines, stay in every copy. */
export type TemplateTimes = { readonly from: string; readonly to: string }

export function markText(text: string, { from, to }: TemplateTimes): string {
  const marked = PATTERNS.reduce((all, [pattern, by]) => all.replace(pattern, by), text)
  return marked.replace(MINUTE, minute =>
    minute >= from.slice(0, 16) && minute <= to.slice(0, 16) ? MARKS.minute : minute,
  )
}

export function isMarked(text: string): boolean {
  return text.includes(MARKS.lower)
}

/** Returns the text of copy number `copy`, whose orders were placed in the given minute. */
export function fillMarks(text: string, copy: number): string {
  const digits = copy.toString(16).padStart(COPY_DIGITS, '0')
  return text
    .replaceAll(MARKS.lower, digits)
    .replaceAll(MARKS.upper, digits.toUpperCase())
    .replaceAll(MARKS.minute, minuteOf(copy))
}

const FIRST_MINUTE = Date.parse('2026-01-01T00:00Z')

/** Copies follow each other minute by minute. */
function minuteOf(copy: number): string {
  return new Date(FIRST_MINUTE + copy * 60_000).toISOString().slice(0, 16)
}

/** The same as `fillMarks`, in SQL. */
const FILL_FUNCTION = `
CREATE OR REPLACE FUNCTION pg_temp.fill(text, int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT replace(replace(replace($1, chr(1), lpad(to_hex($2), ${COPY_DIGITS}, '0')),
                         chr(2), upper(lpad(to_hex($2), ${COPY_DIGITS}, '0'))),
                 chr(3), to_char(timestamp '2026-01-01' + $2 * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI'))
$$`

type EventRow = {
  readonly position: number
  readonly stream: string
  readonly version: number
  readonly schema: number
  readonly id: string
  readonly type: string
  readonly data: string
  readonly meta: string
  readonly seconds: number
}

type MarkedEvent = Omit<EventRow, 'position'> & {
  /** Counts from the template's first event. */
  readonly place: number
  /** The stream takes part in every copy, such as that of a product's stock. Its versions count within a copy. */
  readonly shared: boolean
}

type MarkedRow = { readonly source: string; readonly place: number | null; readonly row: string }

/** The events and rows of the template orders in a database. */
export type Template = { readonly events: readonly MarkedEvent[]; readonly rows: readonly MarkedRow[] }

type TemplateBounds = { readonly after: number; readonly times: TemplateTimes }

/** Reads the events past `after`, and the rows of other tables that belong to them. */
export async function readTemplate(session: Session, bounds: TemplateBounds): Promise<Template> {
  const { rows } = await session.query<EventRow>(
    `SELECT position::float8 AS position, stream, version, schema, id::text AS id, type, data::text AS data, meta::text AS meta,
            extract(second FROM recorded_at)::float8 AS seconds
       FROM event_store.events WHERE position > $1 ORDER BY position`,
    [bounds.after],
  )
  const versions = new Map<string, number>()
  const events = rows.map(({ position, ...row }) => {
    const mark = (text: string) => markText(text, bounds.times)
    const stream = mark(row.stream)
    const shared = !isMarked(stream)
    versions.set(stream, (versions.get(stream) ?? 0) + 1)
    const version = shared ? (versions.get(stream) ?? 0) : row.version
    const texts = { stream, id: mark(row.id), data: mark(row.data), meta: mark(row.meta) }
    return { ...row, ...texts, place: position - bounds.after, shared, version }
  })
  const ids = new Set(events.flatMap(({ stream, data }) => idsIn(stream + data)))
  const others: MarkedRow[] = []
  for (const source of COPIED_TABLES) others.push(...(await readRows(session, source, bounds)))
  return { events, rows: others.filter(({ row }) => idsIn(row).some(id => ids.has(id))) }
}

function idsIn(text: string): string[] {
  return text.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}/g) ?? []
}

/** Tables besides events and views that have rows of orders; a database has those of its service. */
const COPIED_TABLES = ['event_store.commands', 'sandbox_provider.operations', 'sandbox_carrier.parcels']

async function readRows(session: Session, source: string, bounds: TemplateBounds): Promise<MarkedRow[]> {
  const known = await session.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    source,
  ])
  if (!known.rows[0]?.there) return []
  const { rows } = await session.query<{ row: string; position: number | null }>(
    `SELECT to_jsonb(t)::text AS row, (to_jsonb(t) ->> 'position')::float8 AS position FROM ${source} t
      WHERE coalesce((to_jsonb(t) ->> 'position')::bigint > $1, true)`,
    [bounds.after],
  )
  return rows.map(({ row, position }) => ({
    source,
    place: position === null ? null : position - bounds.after,
    row: markText(row, bounds.times),
  }))
}

/** Puts the template into temporary tables of the session, beside the function `fill`. */
export async function loadTemplate(session: Session, { events, rows }: Template): Promise<void> {
  await session.query(FILL_FUNCTION)
  await session.query(`CREATE TEMP TABLE template_events (
    place int, stream text, version int, shared boolean, schema int, id text, type text, data text, meta text, seconds float8)`)
  await session.query('CREATE TEMP TABLE template_rows (source text, place bigint, row text)')
  for (const [table, contents] of Object.entries({ template_events: events, template_rows: rows }))
    await session.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [
      JSON.stringify(contents),
    ])
  await session.query('ANALYZE template_events, template_rows')
}
