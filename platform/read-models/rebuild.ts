// Rebuilds a view from the log beside the live one, then swaps them.
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { storedName } from '#platform/read-models/collection-names.ts'
import { applyEvents, type View } from '#platform/read-models/projection.ts'
import type { Collection, Document, ReadModels } from '#platform/read-models/read-models.ts'
import { openViewProgress } from '#platform/read-models/view-progress.ts'

export const VIEWS_CONSUMER = 'views'
const PAGE = 1_000
/** Rounds that fill the shadow while the live view goes on, so that few events are left for when it stands still. */
const MAX_ROUNDS = 20

/**
 * Fills a shadow from the log while the live view goes on, then takes the consumer's lease for the last events and
 * the swap. Readers see the old view until the swap and the new one after it; no event is lost or counted twice.
 * Returns how many events went into the view. On an error the live view stays as it was.
 */
export async function rebuildView<Doc extends Document>(
  store: EventStore,
  readModels: ReadModels,
  view: View<Doc>,
): Promise<number> {
  const progress = await openViewProgress(readModels)
  const shadow = await readModels.shadow(view.collection)
  const filler = createFiller(store, view, shadow.collection)
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) if ((await filler.fill(await store.head())) < PAGE) break
    await store.withConsumerLease(VIEWS_CONSUMER, async checkpoint => {
      await filler.fill(checkpoint)
      await shadow.swap()
      await progress.save([storedName(view.collection)], checkpoint)
      return checkpoint
    })
  } catch (error) {
    await shadow.drop().catch(() => {}) // the next rebuild drops it; the error that led here is the one to report
    throw error
  }
  return filler.count()
}

function createFiller<Doc extends Document>(
  store: EventStore,
  view: View<Doc>,
  collection: Collection<Doc>,
): { fill(upTo: number): Promise<number>; count(): number } {
  let position = 0
  let total = 0
  return {
    count: () => total,
    async fill(upTo) {
      const before = total
      await readEventPages({ store, view, after: position, upTo }, async events => {
        await applyEvents(view, collection, events)
        total += events.length
      })
      position = Math.max(position, upTo)
      return total - before
    },
  }
}

type EventRange<Doc extends Document> = {
  readonly store: EventStore
  readonly view: View<Doc>
  readonly after: number
  readonly upTo: number
}

/** Calls `handle` with the view's events past `after` up to `upTo`, page by page. */
export async function readEventPages<Doc extends Document>(
  { store, view, after, upTo }: EventRange<Doc>,
  handle: (events: readonly RecordedEvent[]) => Promise<void>,
): Promise<void> {
  for (let position = after; position < upTo; ) {
    const slice = await store.readLog({ after: position, limit: PAGE, categories: view.categories })
    const events = slice.events.filter(event => event.position <= upTo)
    if (events.length > 0) await handle(events)
    if (slice.scannedTo === position) return
    position = slice.scannedTo
  }
}
