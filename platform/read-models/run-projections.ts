// Runs a service's views: one consumer updates them all, and a view that is behind is filled from the log.
import { OperatorError } from '#platform/domain/errors.ts'
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { storedName } from '#platform/read-models/collection-names.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Collection, Document, ReadModels } from '#platform/read-models/read-models.ts'
import { rebuildView, VIEWS_CONSUMER } from '#platform/read-models/rebuild.ts'
import { openViewBatches, type ViewBatches } from '#platform/read-models/view-batches.ts'
import { startViewMaintenance, type UpdateState } from '#platform/read-models/view-maintenance.ts'
import { openViewProgress, type ViewProgress } from '#platform/read-models/view-progress.ts'
import { catchUp, createViewUpdater, type ViewUpdater } from '#platform/read-models/view-updater.ts'
import { inEventSpans } from '#platform/telemetry/tracing.ts'

/** Under load, events are collected for this long: a document that several of them change is read and written once. */
const SPACING_MS = 20
/** Processes of an earlier build may serve from the earlier versions of the views for so long. */
const KEEP_EARLIER_MS = 86_400_000

type ProjectionsOptions = {
  readonly store: EventStore
  readonly readModels: ReadModels
  readonly views: readonly View<Document>[]
  readonly logger?: StoreLogger
  /** How long this process is the owner before it drops earlier versions of the views; a day by default. */
  readonly keepEarlierMs?: number
  /** Called after each batch with the milliseconds from the recording of its newest event until it could be read. */
  readonly onLag?: (milliseconds: number) => void
}

export type Projections = AsyncDisposable & {
  /** The consumer that updates the views; a publisher stays behind it. */
  readonly consumer: Consumer
  /** Returns the live collection of a started view. Throws OperatorError VIEW_UNKNOWN for another. */
  collection<Doc extends Document>(view: View<Doc>): Collection<Doc>
  /** Resolves to true once the views show every event up to `position`, to false after `timeoutMs`. */
  reached(position: number, timeoutMs: number): Promise<boolean>
  /** Returns a position up to which the view surely shows every event; it may show later ones as well. */
  shownPosition<Doc extends Document>(view: View<Doc>): Promise<number>
  /** Returns the lowest saved position of the views, from the read models themselves. Throws while they are away. */
  savedPosition(): Promise<number>
  /** Rebuilds a view beside the live one and swaps them; returns how many events went into it. */
  rebuild<Doc extends Document>(view: View<Doc>): Promise<number>
}

/**
 * Opens the views' collections and updates them. Resolves when every view shows all that the consumer had handled
 * before: a view that is new, or that an older build left behind, is filled from the log first. While an older build
 * owns the consumer, views that it does not know are filled from the log once a second.
 */
export async function startProjections(options: ProjectionsOptions): Promise<Projections> {
  const { store, readModels, logger } = options
  const progress = await openViewProgress(readModels)
  const updaters = await Promise.all(
    options.views.map(async view => {
      const collection = await readModels.collection(view.collection)
      return createViewUpdater({ readModels, store, progress, view, collection, logger })
    }),
  )
  const furthest = await progress.furthest()
  await checkSameStore(store, furthest)
  await catchUp(updaters, furthest)

  const state: UpdateState = {
    ownerSince: 0,
    isUpdating: false,
    handledTo: 0,
    settledTo: 0,
    batches: undefined,
  }
  const consumer = await startConsumer(options, { updaters, progress, state })
  const stopListening = consumer.onProgress(checkpoint => {
    if (state.isUpdating) state.handledTo = checkpoint
  })
  await catchUp(updaters, consumer.status().checkpoint)
  const maintenance = startViewMaintenance({
    updaters,
    progress,
    consumer,
    state,
    logger,
    keepEarlierMs: options.keepEarlierMs ?? KEEP_EARLIER_MS,
    async dropEarlier() {
      for (const { view } of updaters) await readModels.dropEarlier(view.collection, progress.forget)
    },
  })

  return {
    consumer,
    collection<Doc extends Document>(view: View<Doc>) {
      return updaterOf(updaters, view).collection as unknown as Collection<Doc> // opened with this view's definition, under its name
    },
    shownPosition: async view =>
      state.isUpdating ? state.handledTo : updaterOf(updaters, view).savedPosition(),
    async reached(position, timeoutMs) {
      if (!(await consumer.reached(position, timeoutMs))) return false
      await catchUp(maintenance.orphaned(), position)
      return true
    },
    savedPosition: async () => Math.min(...(await savedPositions(updaters))),
    rebuild: view => rebuildView(store, readModels, view),
    async [Symbol.asyncDispose]() {
      await maintenance[Symbol.asyncDispose]()
      await consumer[Symbol.asyncDispose]()
      stopListening()
      await maintenance.settle().catch(() => {}) // events past the saved position are applied again, to no effect
    },
  }
}

type Updating = {
  readonly updaters: readonly ViewUpdater[]
  readonly progress: ViewProgress
  readonly state: UpdateState
}

async function startConsumer(options: ProjectionsOptions, updating: Updating): Promise<Consumer> {
  const { store, views, onLag } = options
  const { updaters, state } = updating
  const consumer: Consumer = await store.consume({
    name: VIEWS_CONSUMER,
    spacingMs: SPACING_MS,
    categories: [...new Set(views.flatMap(view => view.categories))],
    async onOwner(checkpoint) {
      await catchUp(updaters, checkpoint)
      const ownerSince = performance.now()
      Object.assign(state, { ownerSince, isUpdating: true, handledTo: checkpoint, settledTo: checkpoint })
    },
    onLost() {
      state.isUpdating = false
      closeBatches(state)
    },
    async handle(events) {
      const batches = await openBatches(options, updating, () => consumer.rewind(state.settledTo))
      await inEventSpans('project', events, () => batches.apply(events))
      const newest = events.at(-1)
      if (newest) onLag?.(Date.now() - Date.parse(newest.recordedAt))
    },
  })
  return consumer
}

/** Returns the batches of this ownership, or new ones when theirs were lost. `rewind` is called then. */
async function openBatches(
  { readModels }: ProjectionsOptions,
  { updaters, progress, state }: Updating,
  rewind: () => void,
): Promise<ViewBatches> {
  if (state.batches) return state.batches
  const batches = await openViewBatches({
    readModels,
    updaters,
    progress,
    onLost() {
      if (state.batches !== batches) return
      state.batches = undefined
      rewind()
    },
  })
  state.batches = batches
  return batches
}

function closeBatches(state: UpdateState): void {
  const { batches } = state
  state.batches = undefined
  void batches?.[Symbol.asyncDispose]()
}

function savedPositions(updaters: readonly ViewUpdater[]): Promise<number[]> {
  return Promise.all(updaters.map(updater => updater.savedPosition()))
}

function updaterOf<Doc extends Document>(updaters: readonly ViewUpdater[], view: View<Doc>): ViewUpdater {
  const viewName = storedName(view.collection)
  const updater = updaters.find(({ name }) => name === viewName)
  if (!updater) throw new OperatorError('VIEW_UNKNOWN', `the view ${viewName} was not started`)
  return updater
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
