import { expect, test } from 'vitest'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import { openViewProgress } from '#platform/read-models/view-progress.ts'
import { createViewUpdater } from '#platform/read-models/view-updater.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'

test('a view that was filled from a long log is analyzed, and one that lacked little is not', async () => {
  const url = await freshDatabase()
  await using store = await openPostgresEventStore({ url })
  await using readModels = await openReadModels(url)
  const view: View<{ n: number }> = {
    collection: { name: 'long', version: 1, indexes: [] },
    categories: ['a'],
    project: () => [],
  }
  const analyzed: string[] = []
  const updater = createViewUpdater({
    readModels: { analyze: async ({ name }) => void analyzed.push(name) },
    store: { ...store, readLog: async ({ after }) => ({ events: [], scannedTo: after + 5_000 }) },
    progress: await openViewProgress(readModels),
    view,
    collection: await readModels.collection(view.collection),
    logger: undefined,
  })
  await updater.catchUp(9_000)
  expect(analyzed).toEqual([])
  await updater.catchUp(19_000)
  expect(analyzed).toEqual(['long'])
})
