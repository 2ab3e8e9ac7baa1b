import { expect, test } from 'vitest'
import { openReadModels } from '#platform/read-models/open.ts'
import { openStatuses } from '#platform/saga/statuses.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'

test('the statuses of a build that listed them by id are listed by their last change, by an index of its own', async () => {
  const url = await freshDatabase()
  await using readModels = await openReadModels(url)
  const earlier = await readModels.collection({
    name: 'sagas_trip',
    version: 1,
    indexes: [
      ['phase', 'stuck', 'id'],
      ['busy', 'id'],
    ],
    sparse: ['nextTimerAt'],
  })
  const status = (id: string, updatedAt: string) => ({
    ...{ id, updatedAt, phase: 'ended', stuck: false, pending: [], timers: {} },
    ...{ busy: false, nextTimerAt: null, lastError: null },
  })
  const docs = [status('t1', '2026-01-03'), status('t2', '2026-01-01'), status('t3', '2026-01-02')]
  await earlier.write(docs.map(doc => ({ id: doc.id, doc, position: 1 })))

  const statuses = await openStatuses(readModels, 'trip')
  const { items } = await statuses.list({ phase: 'ended' }, { limit: 10 })
  expect(items.map(({ id }) => id)).toEqual(['t2', 't3', 't1'])
  const indexes = await queryDatabase<{ name: string }>(
    url,
    `SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = 'read_models.sagas_trip_v1'::regclass`,
  )
  expect(indexes).toHaveLength(4) // of ids, of what is busy, of timers, and of what is listed
})
