// Runs a service's views: one store consumer feeds them all, and a view that is behind is filled from the log. Free of any driver.
import { OperatorError } from '#platform/domain/errors.ts'
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Collection, Document, ReadModels } from '#platform/read-models/read-models.ts'
import { rebuildView, VIEWS_CONSUMER } from '#platform/read-models/rebuild.ts'
import { startViewMaintenance } from '#platform/read-models/view-maintenance.ts'
import { openViewProgress, type ViewProgress, viewName } from '#platform/read-models/view-progress.ts'
import { catchUp, createViewUpdater, type ViewUpdater } from '#platform/read-models/view-updater.ts'
import { inEventSpans } from '#platform/telemetry/tracing.ts'

/** Under load, events gather this long: a document that several of them touch is read and written once. */
const SPACING_MS = 20

export type ProjectionsOptions = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly views: readonly View<Document>[]
  readonly logger?: StoreLogger
  /** Called after each batch with the milliseconds from the recording of its newest event until it could be read. */
  readonly onLag?: (milliseconds: number) => void
}

export type Projections = AsyncDisposable & {
  /** The consumer that feeds the views; a publisher stays behind it. */
  readonly consumer: Consumer
  /** The live collection of a view that was given at the start. */
  collection<Doc extends Document>(view: View<Doc>): Collection<Doc>
  /** True once the views show every event up to `position`; false after `timeoutMs`. */
  reached(position: number, timeoutMs: number): Promise<boolean>
  /** A position up to which the view surely shows every event; it may show later ones as well. */
  shownPosition<Doc extends Document>(view: View<Doc>): Promise<number>
  /** What the read models themselves say: how far the least filled view is noted to be. Throws while they are away. */
  savedPosition(): Promise<number>
  /** Rebuilds a view beside the live one and swaps; returns how many events went into it. */
  rebuild<Doc extends Document>(view: View<Doc>): Promise<number>
}

/**
 * Opens the views' collections and feeds them. It resolves when every view shows all that the consumer had handled
 * before: a view that is new, or that an older build left behind, is filled from the log first. While an older build
 * owns the consumer, views that it does not know are filled from the log once a second.
 */
export async function startProjections(options: ProjectionsOptions): Promise<Projections> {
  const { store, readModels, views } = options
  const progress = await openViewProgress(readModels)
  const feeds = await openFeeds(options, progress)
  const furthest = Math.max(0, ...(await Promise.all(feeds.map(feed => feed.savedPosition()))))
  await checkSameStore(store, furthest)
  await catchUp(feeds, furthest)

  const state = { feeding: false, handledTo: 0 }
  const consumer = await store.consume({
    name: VIEWS_CONSUMER,
    spacingMs: SPACING_MS,
    categories: [...new Set(views.flatMap(view => view.categories))],
    async onOwner(checkpoint) {
      await catchUp(feeds, checkpoint)
      state.feeding = true
      state.handledTo = checkpoint
    },
    onLost() {
      state.feeding = false
    },
    async handle(events) {
      await inEventSpans('project', events, () => Promise.all(feeds.map(feed => feed.apply(events))))
      const newest = events.at(-1)
      if (newest) options.onLag?.(Date.now() - Date.parse(newest.recordedAt))
    },
  })
  const stopListening = consumer.onProgress(checkpoint => {
    if (state.feeding) state.handledTo = checkpoint
  })
  await catchUp(feeds, consumer.status().checkpoint)
  const tending = startViewMaintenance({ feeds, progress, consumer, state, logger: options.logger })

  function feedOf<Doc extends Document>(view: View<Doc>): ViewUpdater {
    const feed = feeds.find(candidate => candidate.name === viewName(view))
    if (!feed) throw new OperatorError('VIEW_UNKNOWN', `the view ${viewName(view)} was not started`)
    return feed
  }

  return {
    consumer,
    collection<Doc extends Document>(view: View<Doc>) {
      return feedOf(view).collection as unknown as Collection<Doc> // opened with this view's definition, under its name
    },
    shownPosition: async view => (state.feeding ? state.handledTo : feedOf(view).savedPosition()),
    async reached(position, timeoutMs) {
      if (!(await consumer.reached(position, timeoutMs))) return false
      await catchUp(tending.unfed(), position)
      return true
    },
    savedPosition: async () => Math.min(...(await Promise.all(feeds.map(feed => feed.savedPosition())))),
    rebuild: view => rebuildView(store, readModels, view),
    async [Symbol.asyncDispose]() {
      await tending.stop()
      await consumer[Symbol.asyncDispose]()
      stopListening()
      await tending.note().catch(() => {}) // what is not noted is applied again, to no effect
    },
  }
}

async function openFeeds(
  { store, readModels, views, logger }: ProjectionsOptions,
  progress: ViewProgress,
): Promise<ViewUpdater[]> {
  return Promise.all(
    views.map(async view =>
      createViewUpdater({
        store,
        progress,
        view,
        collection: await readModels.collection(view.collection),
        logger,
      }),
    ),
  )
}

/** Positions mean nothing in another store: documents from there would seem newer than every event of this one. */
async function checkSameStore(store: EventStore, furthest: number): Promise<void> {
  const head = await store.head()
  if (furthest > head)
    throw new OperatorError(
      'READ_MODELS_AHEAD',
      `the read models stand at position ${furthest}, past the event store's newest, ${head}: they belong to ` +
        'another store; drop them, and they are filled from this one at the next start',
    )
}
