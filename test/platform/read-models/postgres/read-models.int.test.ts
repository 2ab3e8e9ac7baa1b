import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { openReadModels } from '#platform/read-models/open.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { readModelsContract } from '#test/platform/read-models/read-models.contract.ts'

let url: string
beforeAll(async () => {
  url = await freshDatabase()
})

readModelsContract('PostgreSQL', () => openReadModels(url))

async function explain(sql: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off')
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`)
  await client.end()
  return rows.map(row => row['QUERY PLAN']).join('\n')
}

test('a filtered and sorted page is one scan of the declared index', async () => {
  await using models = await openReadModels(url)
  await models.collection({ name: 'planned', version: 1, indexes: [['status', 'total']] })
  const key = (path: string) => `(read_models.view_key((doc #> '{${path}}')) COLLATE "C")`
  const plan = await explain(
    `SELECT id FROM read_models.planned_v1 WHERE doc IS NOT NULL AND ${key('status')} = read_models.view_key('"x"')
      AND (${key('total')}, id) > (read_models.view_key('5'), 'a') ORDER BY ${key('total')}, id LIMIT 3`,
  )
  expect(plan).toContain('Index Scan using planned_v1_')
  expect(plan).toMatch(/Index Cond: .*ROW/)
  expect(plan).not.toMatch(/Sort|Filter/)
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
    explain(`SELECT id FROM read_models.counted_v1 WHERE doc IS NOT NULL AND
             (read_models.view_key((doc #> '{status}')) COLLATE "C") = read_models.view_key('"${status}"')`)
  expect(await rows('common')).toMatch(/rows=900 /)
  expect(await rows('rare')).toMatch(/rows=100 /)
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
