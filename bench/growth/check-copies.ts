// Checks bulk-written documents: those of one copy must be what a rebuild makes of its events.
import { deepStrictEqual } from 'node:assert'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { applyEvents, type View } from '#platform/read-models/projection.ts'
import type { Collection, Document, GuardedWrite } from '#platform/read-models/read-models.ts'

type Stored = { readonly doc: Document | null; readonly position: number }

/** Projects the events past `after` up to `upTo`, and throws when the stored documents `ids` differ from the outcome. */
export async function checkCopy(
  store: EventStore,
  view: View<Document>,
  collection: Collection<Document>,
  { after, upTo, ids }: { readonly after: number; readonly upTo: number; readonly ids: readonly string[] },
): Promise<void> {
  const { events } = await store.readLog({ after, limit: upTo - after, categories: view.categories })
  const projected = new Map<string, Stored>()
  const memory = {
    load: async (wanted: readonly string[]) => new Map([...projected].filter(([id]) => wanted.includes(id))),
    async write(writes: readonly GuardedWrite<Document>[]) {
      for (const { id, doc, position } of writes) projected.set(id, { doc, position })
      return true
    },
  }
  await applyEvents(
    view,
    { ...collection, ...memory },
    events.filter(({ position }) => position <= upTo),
  )
  deepStrictEqual(await collection.load(ids), new Map(ids.map(id => [id, projected.get(id)])))
}
