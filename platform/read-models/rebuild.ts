// Rebuilds a view from the log beside the live one, then swaps. Free of any driver, and of the running projections.
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { applyEvents } from '#platform/read-models/fold.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Collection, Document, ReadModels } from '#platform/read-models/read-models.ts'
import { openViewProgress, viewName } from '#platform/read-models/view-progress.ts'

export const VIEWS_CONSUMER = 'views'
const PAGE = 1_000
/** The last stretch, for which the live views stand still, should be at most this many pages. */
const NEAR_HEAD_ROUNDS = 20

/**
 * Fills a shadow from the log while the live view goes on, then takes the consumer's lease for the last events and
 * the swap. Readers see the old view until the swap and the new one after it; no event is lost or counted twice.
 * Returns how many events went into the view. On a fault the live view stays as it was.
 */
export async function rebuildView<Doc extends Document>(
  store: EventStore,
  readModels: ReadModels,
  view: View<Doc>,
): Promise<number> {
  const progress = await openViewProgress(readModels)
  const shadow = await readModels.shadow(view.collection)
  const filling = fillFrom(store, view, shadow.collection)
  try {
    for (let round = 0; round < NEAR_HEAD_ROUNDS; round++)
      if ((await filling.fill(await store.head())) < PAGE) break
    await store.withConsumerLease(VIEWS_CONSUMER, async checkpoint => {
      await filling.fill(checkpoint)
      await shadow.swap()
      await progress.save([viewName(view)], checkpoint)
      return checkpoint
    })
  } catch (error) {
    await shadow.drop().catch(() => {}) // the next rebuild drops it; the fault that led here is what counts
    throw error
  }
  return filling.events()
}

function fillFrom<Doc extends Document>(
  store: EventStore,
  view: View<Doc>,
  collection: Collection<Doc>,
): { fill(upTo: number): Promise<number>; events(): number } {
  let position = 0
  let total = 0
  return {
    events: () => total,
    async fill(upTo) {
      const before = total
      await readEventPages(store, view, position, upTo, async events => {
        await applyEvents(view, collection, events)
        total += events.length
      })
      position = Math.max(position, upTo)
      return total - before
    },
  }
}

/** Calls `handle` with the view's events past `after` up to `upTo`, page by page. */
export async function readEventPages<Doc extends Document>(
  store: EventStore,
  view: View<Doc>,
  after: number,
  upTo: number,
  handle: (events: readonly RecordedEvent[]) => Promise<void>,
): Promise<void> {
  for (let position = after; position < upTo; ) {
    const page = await store.readLog({ after: position, limit: PAGE, categories: view.categories })
    const events = page.filter(event => event.position <= upTo)
    if (events.length > 0) await handle(events)
    if (events.length < PAGE) return
    position = events.at(-1)?.position ?? upTo
  }
}
