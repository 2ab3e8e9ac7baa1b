import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import type { Sql } from '#platform/postgres/pool.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { Scan } from '#platform/read-models/page-cursor.ts'
import { countSql, findSql, searchInOrderSql } from '#platform/read-models/postgres/query.ts'
import { liveTable } from '#platform/read-models/postgres/schema.ts'
import type { Filter } from '#platform/read-models/read-models.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'
import { readModelsContract } from '#test/platform/read-models/read-models.contract.ts'

let url: string
beforeAll(async () => {
  url = await freshDatabase()
})

readModelsContract('PostgreSQL', () => openReadModels(url))

/** Reads up to three rows by total. */
function scanOf(where: readonly Filter[]): Scan {
  return { where, orderBy: { path: 'total', descending: false }, bounds: [], limit: 3 }
}

/** A `generic` plan holds for any values. */
async function explain({ text, values = [] }: Sql, plan: 'custom' | 'generic' = 'custom'): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off')
  const { rows } =
    plan === 'generic'
      ? await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${text}`)
      : await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, [...values])
  await client.end()
  return rows.map(row => row['QUERY PLAN']).join('\n')
}

test('a filtered and sorted page is one scan of the declared index', async () => {
  await using models = await openReadModels(url)
  const definition = { name: 'planned', version: 1, indexes: [['status', 'total']] }
  await models.collection(definition)
  for (const descending of [false, true]) {
    const scan = {
      where: [{ path: 'status', equals: 'x' }],
      orderBy: { path: 'total', descending },
      bounds: [
        { is: '>' as const, position: { value: 5, id: 'a' } },
        { is: '<=' as const, position: { value: 9, id: 'a' } },
      ],
      limit: 3,
    }
    const plan = await explain(findSql(liveTable(definition), scan))
    expect(plan).toMatch(/Index Scan (Backward )?using planned_v1_/)
    expect(plan).toMatch(/Index Cond: .*ROW.*ROW/)
    expect(plan).not.toMatch(/Sort|Filter/)
  }
})

test('a range of a sparse path is one scan of an index that has only documents with a value', async () => {
  await using models = await openReadModels(url)
  const definition = { name: 'sparse', version: 1, indexes: [], sparse: ['due'] }
  const collection = await models.collection<{ due?: string }>(definition)
  await collection.write([
    { id: 'a', doc: { due: '2026' }, position: 1 },
    { id: 'b', doc: {}, position: 1 },
  ])
  for (const from of [undefined, '', '2026'])
    for (const to of [undefined, '2027']) {
      if (from === undefined && to === undefined) continue
      const filter = { path: 'due', ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
      const query = { where: [filter], orderBy: { path: 'due' }, limit: 3 }
      expect((await collection.find(query)).items.map(({ id }) => id)).toEqual(['a'])
      const bounds = [{ is: '>' as const, position: { value: '2025', id: 'a' } }]
      const scan = { where: [filter], orderBy: { path: 'due', descending: false }, bounds, limit: 3 }
      const plan = await explain(findSql(liveTable(definition), scan), 'generic')
      expect(plan).toMatch(/Index Scan using sparse_v1_s_/)
      expect(plan).not.toMatch(/Sort|Filter/)
    }
})

test('an order of the second path of an index holds for one value of the first, even from a list', async () => {
  await using models = await openReadModels(url)
  const definition = { name: 'listed', version: 1, indexes: [['status', 'total']] }
  await models.collection(definition)
  const plan = await explain(findSql(liveTable(definition), scanOf([{ path: 'status', in: ['x'] }])))
  expect(plan).toMatch(/Index Scan using listed_v1_/)
  expect(plan).not.toMatch(/Sort|Filter/)
})

test('lists of values are one range of the index each, which are merged in the order of the page', async () => {
  await using models = await openReadModels(url)
  const indexes = [['total'], ['status', 'paid', 'total']]
  const definition = { name: 'merged', version: 1, indexes }
  const collection = await models.collection(definition)
  const docs = Array.from({ length: 40 }, (_, total) => ({
    status: 'xyz'[total % 3],
    paid: total % 2 === 0,
    total,
  }))
  await collection.write(
    docs.map((doc, index) => ({ id: `o${index}`, doc: JSON.parse(JSON.stringify(doc)), position: 1 })),
  )
  const where = [
    { path: 'status', in: ['x', 'z'] },
    { path: 'paid', in: [true, false] },
  ]
  const plan = await explain(findSql(liveTable(definition), scanOf(where)))
  expect(plan.match(/Index Scan using merged_v1_/g)).toHaveLength(4)
  expect(plan).toMatch(/Merge Append/)
  expect(plan).not.toMatch(/Sort Method| {2}Sort {2}\(/)
  const { items } = await collection.find({ where, orderBy: { path: 'total', descending: true }, limit: 100 })
  const expected = docs.filter(({ status }) => status !== 'y').map(({ total }) => total)
  expect(items.map(({ doc }) => doc.total)).toEqual(expected.toReversed())
})

test('a count up to a bound ends a scan of the index that finds what it counts', async () => {
  await using models = await openReadModels(url)
  const definition = {
    name: 'bounded',
    version: 1,
    indexes: [['total'], ['status', 'total']],
    terms: ({ status }: { readonly status: string; readonly total: number }) => [status, 'common'],
  }
  const collection = await models.collection(definition)
  const docs = Array.from({ length: 5_000 }, (_, total) => ({
    status: total < 4_000 ? 'early' : 'late',
    total,
  }))
  await collection.write(docs.map((doc, index) => ({ id: `o${index}`, doc, position: 1 })))
  await models.analyze(definition)
  for (const where of [[{ path: 'status', equals: 'late' }], [{ path: 'total', from: 4_000 }]]) {
    const { text, values = [] } = countSql(liveTable(definition), where, 101)
    const plan = await queryDatabase<{ 'QUERY PLAN': string }>(url, `EXPLAIN (ANALYZE) ${text}`, [...values])
    const lines = plan.map(row => row['QUERY PLAN']).join('\n')
    expect(lines).toMatch(/Index (Only )?Scan using bounded_v1_.*rows=101\b/)
    expect(lines).not.toMatch(/Seq Scan|Filter/)
    expect(await collection.count(where, 101)).toBe(101)
    expect(await collection.count(where, 2_000)).toBe(1_000)
  }
  for (const [word, all] of [
    ['common', 5_000],
    ['early', 4_000],
    ['late', 1_000],
    ['none', 0],
  ] as const) {
    expect(await collection.count([{ matching: word }])).toBe(all)
    expect(await collection.count([{ matching: word }], 101)).toBe(Math.min(all, 101))
    const some = [{ matching: word }, { path: 'total', from: 3_999, to: 4_001 }]
    expect(await collection.count(some, 101)).toBe(Math.min(all, word === 'common' ? 2 : 1))
  }
  await collection.write([{ id: 'o4500', doc: null, position: 2 }])
  expect(await collection.count([{ matching: 'late' }], 2_000)).toBe(999)
})

test('the planner estimates how common a value is, at once after a swap', async () => {
  await using models = await openReadModels(url)
  const definition = { name: 'counted', version: 1, indexes: [['status', 'total']] }
  await models.collection(definition)
  for (let round = 0; round < 2; round++) {
    const shadow = await models.shadow(definition)
    const status = (index: number) => (index % 10 === 0 ? 'rare' : 'common')
    const docs = Array.from({ length: 1_000 }, (_, index) => ({ status: status(index), total: index }))
    await shadow.collection.write(docs.map((doc, index) => ({ id: `o${index}`, doc, position: 1 })))
    await shadow.swap()
  }
  const rows = (status: string) =>
    explain(countSql(liveTable(definition), [{ path: 'status', equals: status }], undefined))
  expect(await rows('common')).toMatch(/rows=900 /)
  expect(await rows('rare')).toMatch(/rows=100 /)
})

test('a collection that was filled at once has its statistics, and no range of a moving path is left to be read', async () => {
  await using models = await openReadModels(url)
  const definition = { name: 'filled', version: 1, indexes: [], moving: ['changedAt'] }
  const collection = await models.collection<{ changedAt: number; text: string }>(definition)
  const docs = Array.from({ length: 2_000 }, (_, index) => ({ changedAt: index, text: 'long '.repeat(100) }))
  await collection.write(docs.map((doc, index) => ({ id: `f${index}`, doc, position: 1 })))
  await models.analyze(definition)
  const text = `SELECT (SELECT reltuples::int FROM pg_class WHERE oid = 'read_models.filled_v1'::regclass) AS estimate,
    brin_summarize_new_values(indexrelid) AS left FROM pg_index JOIN pg_class i ON i.oid = indexrelid
    WHERE indrelid = 'read_models.filled_v1'::regclass AND relam = (SELECT oid FROM pg_am WHERE amname = 'brin')`
  expect(await queryDatabase(url, text)).toEqual([{ estimate: 2_000, left: 0 }])
})

test('an update that changes no key and no term leaves the indexes alone', async () => {
  await using models = await openReadModels(url)
  type Doc = { readonly status: string; readonly note: string; readonly changedAt: number }
  const collection = await models.collection<Doc>({
    name: 'hot',
    version: 1,
    indexes: [['status'], ['status', 'note']],
    moving: ['changedAt'],
    terms: ({ note }) => [note],
  })
  for (let position = 1; position <= 50; position++) {
    const doc = (id: number) => ({
      status: id === 0 ? `s${position}` : 'open',
      note: 'same',
      changedAt: position,
    })
    await collection.write([0, 1, 2, 3].map(id => ({ id: `o${id}`, doc: doc(id), position })))
  }
  const updates = async (table: string) =>
    queryDatabase<{ all: number; hot: number }>(
      url,
      `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = '${table}'`,
    )
  await expect.poll(() => updates('hot_v1_f2')).toMatchObject([{ all: 4 * 49 }])
  const [counted] = await updates('hot_v1_f2')
  expect(counted?.hot).toBeGreaterThan(2 * 49) // nearly three of four; now and then a page has no room left
  expect(counted?.hot).toBeLessThanOrEqual(3 * 49)
  expect(await updates('hot_v1_f2_words')).toEqual([{ all: 0, hot: 0 }])
  const changed = { where: [{ path: 'changedAt', from: 50 }], orderBy: { path: 'changedAt' }, limit: 9 }
  expect((await collection.find(changed)).items).toHaveLength(4)
})

test('a table of an earlier build gets columns for its keys, and loses the indexes on expressions', async () => {
  await using models = await openReadModels(url)
  await queryDatabase(
    url,
    `CREATE TABLE read_models.early_v1 (id text COLLATE "C" CONSTRAINT early_v1_pkey PRIMARY KEY,
       position bigint NOT NULL, doc jsonb, terms tsvector);
     CREATE INDEX early_v1_12345678 ON read_models.early_v1
       ((read_models.view_key(doc #> '{status}') COLLATE "C"), id) WHERE doc IS NOT NULL;
     CREATE STATISTICS read_models.early_v1_s_12345678 ON (read_models.view_key(doc #> '{status}')) FROM read_models.early_v1;
     INSERT INTO read_models.early_v1 VALUES ('a', 1, '{"status": "open"}'), ('b', 1, '{"status": "shut"}'), ('c', 2, NULL)`,
  )
  const collection = await models.collection({ name: 'early', version: 1, indexes: [['status']] })
  const query = { where: [{ path: 'status', equals: 'open' }], limit: 9 }
  expect((await collection.find(query)).items.map(({ id }) => id)).toEqual(['a'])
  const parts = `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'read_models.early_v1'::regclass
    UNION ALL SELECT stxname FROM pg_statistic_ext WHERE stxname LIKE 'early%' ORDER BY name`
  expect((await queryDatabase<{ name: string }>(url, parts)).map(({ name }) => name)).toEqual([
    expect.stringMatching(/^read_models.early_v1_i_/),
    'read_models.early_v1_pkey',
  ])
})

test('keys that the database computed in a table of an earlier build are written from then on', async () => {
  await using models = await openReadModels(url)
  const key = (path: string) =>
    `text COLLATE "C" GENERATED ALWAYS AS (CASE WHEN doc IS NOT NULL THEN read_models.view_key((doc #> '{${path}}')) END) STORED`
  const definition = { name: 'computed', version: 1, indexes: [['status', 'total'], ['total']] }
  const table = liveTable(definition)
  await queryDatabase(
    url,
    `CREATE TABLE read_models.computed_v1 (id text COLLATE "C" CONSTRAINT computed_v1_pkey PRIMARY KEY,
       position bigint NOT NULL, ${table.keys.get('status')} ${key('status')}, k_undeclared ${key('note')}, doc jsonb);
     CREATE INDEX computed_v1_i_11111111 ON read_models.computed_v1 (${table.keys.get('status')}, id);
     INSERT INTO read_models.computed_v1 (id, position, doc)
     VALUES ('a', 1, '{"status": "open", "total": 2}'), ('b', 1, '{"status": "open", "total": 1}'), ('c', 2, NULL)`,
  )
  for (let start = 0; start < 2; start++) {
    const collection = await models.collection<{ status: string; total: number }>(definition)
    const found = async (status: string) =>
      (
        await collection.find({
          where: [{ path: 'status', equals: status }],
          orderBy: { path: 'total' },
          limit: 9,
        })
      ).items.map(({ id, doc }) => [id, doc.total])
    expect(await found('open')).toEqual(
      start === 0
        ? [
            ['b', 1],
            ['a', 2],
          ]
        : [['b', 1]],
    )
    await collection.write([{ id: 'a', doc: { status: 'shut', total: 3 }, position: 2 }])
    expect(await found('shut')).toEqual([['a', 3]])
    expect((await collection.load(['c'])).get('c')).toEqual({ doc: null, position: 2 })
  }
  const generated = `SELECT attname FROM pg_attribute WHERE attrelid = 'read_models.computed_v1'::regclass
    AND (attgenerated <> '' OR attname = 'k_undeclared')`
  expect(await queryDatabase(url, generated)).toEqual([])
})

test('a search finds the words of many documents, of few, and of those that come last alike', async () => {
  await using models = await openReadModels(url)
  type Doc = { readonly total: number; readonly words: readonly string[] }
  const definition = { name: 'searched', version: 1, indexes: [['total']], terms: (doc: Doc) => doc.words }
  const collection = await models.collection<Doc>(definition)
  const wordsOf = (total: number) => ['common', total % 100 === 0 ? 'rare' : '', total < 300 ? 'first' : '']
  const docs = Array.from({ length: 5_000 }, (_, total) => ({ total, words: wordsOf(total) }))
  await collection.write(docs.map((doc, index) => ({ id: `o${index}`, doc, position: 1 })))
  for (const word of ['common', 'rare', 'first']) {
    const expected = docs.filter(({ words }) => words.includes(word)).map(({ total }) => total)
    const query = { where: [{ matching: word }], orderBy: { path: 'total', descending: true }, limit: 40 }
    const first = await collection.find(query)
    const second = await collection.find({ ...query, after: first.items.at(-1)?.cursor ?? '' })
    expect([...first.items, ...second.items].map(({ doc }) => doc.total)).toEqual(
      expected.toReversed().slice(0, 80),
    )
  }
  const { text, values = [] } = searchInOrderSql(liveTable(definition), {
    ...scanOf([{ matching: 'common' }]),
    limit: 41,
  })
  await queryDatabase(url, 'ANALYZE')
  const plan = await queryDatabase<{ 'QUERY PLAN': string }>(url, `EXPLAIN (ANALYZE) ${text}`, [...values])
  expect(plan.map(row => row['QUERY PLAN']).join('\n')).toMatch(/on searched_v1_f2 .*rows=41\b/) // no more than the page
})

test('a second concurrent rebuild of one collection is refused', async () => {
  await using models = await openReadModels(url)
  const definition = { name: 'contended', version: 1, indexes: [] }
  const shadow = await models.shadow(definition)
  await expect(models.shadow(definition)).rejects.toMatchObject({ code: 'REBUILD_RUNNING' })
  await shadow.drop()
  await (await models.shadow(definition)).drop()
})

test('a PostgreSQL that does not answer is an operator error without the password', async () => {
  const gone = 'postgres://user:secret@127.0.0.1:1/db'
  const error: unknown = await openReadModels(gone).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'READ_MODELS_UNREACHABLE' })
  expect(String(error)).not.toContain('secret')
  await expect(openReadModels('mysql://x')).rejects.toMatchObject({ code: 'READ_MODELS_URL_UNKNOWN' })
})
