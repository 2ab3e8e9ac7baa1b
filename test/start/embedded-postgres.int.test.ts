import pg from 'pg'
import { expect, test } from 'vitest'
import { freshDatabase } from '#test/database.ts'

test('the test server answers with PostgreSQL 18', async () => {
  const client = new pg.Client({ connectionString: await freshDatabase() })
  await client.connect()
  const { rows } = await client.query<{ version: string }>('SELECT version()')
  await client.end()
  expect(rows[0]?.version).toMatch(/^PostgreSQL 18/)
})
