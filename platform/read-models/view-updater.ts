// Brings one view up to date from the log.
import type { EventStore } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { storedName } from '#platform/read-models/collection-names.ts'
import { applyEvents, type View } from '#platform/read-models/projection.ts'
import type { Collection, Document, ReadModels } from '#platform/read-models/read-models.ts'
import { readEventPages } from '#platform/read-models/rebuild.ts'
import type { ViewProgress } from '#platform/read-models/view-progress.ts'

/** Several processes may update the same view at once: every write is guarded by its position. */
export type ViewUpdater = {
  readonly name: string
  readonly view: View<Document>
  readonly collection: Collection<Document>
  /** Returns the saved position of the view, which is never ahead of the view itself. */
  savedPosition(): Promise<number>
  /** Fills the view from the log up to `position`, which the consumer must have reached. Calls run one after another. */
  catchUp(position: number): Promise<void>
}

/** A fill of so many changes a collection so much that its engine must look at it anew. */
const MANY_EVENTS = 10_000

type ViewUpdaterOptions = {
  readonly readModels: Pick<ReadModels, 'analyze'>
  readonly store: EventStore
  readonly progress: ViewProgress
  readonly view: View<Document>
  readonly collection: Collection<Document>
  readonly logger: StoreLogger | undefined
}

export function createViewUpdater(options: ViewUpdaterOptions): ViewUpdater {
  const { readModels, store, progress, view, collection, logger } = options
  const name = storedName(view.collection)
  let last: Promise<void> = Promise.resolve()

  async function savedPosition(): Promise<number> {
    return (await progress.read([name])).get(name) ?? 0
  }

  async function fill(position: number): Promise<void> {
    const from = await savedPosition()
    if (from >= position) return
    await readEventPages({ store, view, after: from, upTo: position }, async events => {
      await applyEvents(view, collection, events)
      await progress.save([name], events.at(-1)?.position ?? 0)
    })
    await progress.save([name], position)
    if (position - from >= MANY_EVENTS) await readModels.analyze(view.collection)
    logger?.info({ view: name, from, to: position }, 'view filled from the log')
  }

  return {
    name,
    view,
    collection,
    savedPosition,
    catchUp(position) {
      last = last
        .catch(() => {}) // reported to the caller of that fill; this one begins at the saved position
        .then(() => fill(position))
      return last
    },
  }
}

export async function catchUp(updaters: Iterable<ViewUpdater>, position: number): Promise<void> {
  if (position > 0) await Promise.all([...updaters].map(updater => updater.catchUp(position)))
}
