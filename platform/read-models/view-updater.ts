// One view and what brings it up to date: batches of the consumer, or the log. Free of any driver.
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { applyEvents } from '#platform/read-models/fold.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Collection, Document } from '#platform/read-models/read-models.ts'
import { readEventPages } from '#platform/read-models/rebuild.ts'
import { type ViewProgress, viewName } from '#platform/read-models/view-progress.ts'

/** Several processes may feed the same view at once: every write is guarded by its position. */
export type ViewUpdater = {
  readonly name: string
  readonly collection: Collection<Document>
  /** How far the view has been filled, as noted: never further than it is. */
  savedPosition(): Promise<number>
  apply(events: readonly RecordedEvent[]): Promise<void>
  /** Fills the view from the log up to `position`, which the consumer must have reached. One call at a time works. */
  catchUp(position: number): Promise<void>
}

export function createViewUpdater(options: {
  store: EventStore
  progress: ViewProgress
  view: View<Document>
  collection: Collection<Document>
  logger: StoreLogger | undefined
}): ViewUpdater {
  const { store, progress, view, collection, logger } = options
  const name = viewName(view)
  let last: Promise<void> = Promise.resolve()

  async function savedPosition(): Promise<number> {
    return (await progress.read([name])).get(name) ?? 0
  }

  async function fill(position: number): Promise<void> {
    const from = await savedPosition()
    if (from >= position) return
    await readEventPages(store, view, from, position, async events => {
      await applyEvents(view, collection, events)
      await progress.save([name], events.at(-1)?.position ?? 0)
    })
    await progress.save([name], position)
    logger?.info({ view: name, from, to: position }, 'a view was filled from the log')
  }

  return {
    name,
    collection,
    savedPosition,
    apply: events => applyEvents(view, collection, events),
    catchUp(position) {
      last = last.catch(() => {}).then(() => fill(position))
      return last
    },
  }
}

export async function catchUp(feeds: Iterable<ViewUpdater>, position: number): Promise<void> {
  if (position > 0) await Promise.all([...feeds].map(feed => feed.catchUp(position)))
}
