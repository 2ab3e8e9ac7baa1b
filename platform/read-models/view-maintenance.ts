// Maintains the views when something has changed: the consumer's owner settles them, the others fill views that nobody updates.
import type { Consumer } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import type { ViewBatches } from '#platform/read-models/view-batches.ts'
import type { ViewProgress } from '#platform/read-models/view-progress.ts'
import type { ViewUpdater } from '#platform/read-models/view-updater.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'

/** The state of the views' consumer in this process. */
export type UpdateState = {
  /** When this process became the owner, in milliseconds of `performance.now`. */
  ownerSince: number
  /** True while this process owns the consumer and its views are up to date with the checkpoint. */
  isUpdating: boolean
  handledTo: number
  /** The views are durable up to here. */
  settledTo: number
  batches: ViewBatches | undefined
}

type ViewMaintenance = AsyncDisposable & {
  /** Returns the views that the consumer's owner, an older build, does not know. */
  orphaned(): Iterable<ViewUpdater>
  /** Makes what this process has handled durable in the views, and saves how far that is. */
  settle(): Promise<void>
}

type ViewMaintenanceOptions = {
  readonly updaters: readonly ViewUpdater[]
  readonly progress: ViewProgress
  readonly consumer: Consumer
  readonly state: UpdateState
  readonly logger: StoreLogger | undefined
  /** Drops earlier versions of the views once, when this process has been the owner for `keepEarlierMs`. */
  readonly dropEarlier: () => Promise<void>
  readonly keepEarlierMs: number
}

/** The saved position that was seen last, and in how many checks it stood still while the consumer went on. */
type WatchedView = { readonly updater: ViewUpdater; position: number; stalledChecks: number }

const CHECK_MS = 1_500
/** The least time between two durable writes of the progress: after a crash of the server, what was applied since is applied again. */
const SETTLE_MS = 3_000
/** A view that stood still in this many checks is orphaned: an owner lets less time pass between two writes of its progress. */
const MAX_STALLED_CHECKS = 2 + Math.ceil(SETTLE_MS / CHECK_MS)

export function startViewMaintenance(options: ViewMaintenanceOptions): ViewMaintenance {
  const { updaters, state, logger, dropEarlier, keepEarlierMs } = options
  const views: WatchedView[] = updaters.map(updater => ({ updater, position: -1, stalledChecks: 0 }))
  let hasDropped = false
  let settledAt = performance.now()

  async function check(): Promise<void> {
    if (!state.isUpdating) return fillOrphaned(options, views)
    for (const view of views) view.stalledChecks = 0
    if (performance.now() - settledAt > SETTLE_MS) {
      await settle(options)
      settledAt = performance.now()
    }
    if (hasDropped || performance.now() - state.ownerSince < keepEarlierMs) return
    await dropEarlier()
    hasDropped = true
  }

  const checking = startPeriodicTask({
    run: check,
    everyMs: CHECK_MS,
    first: 'after-pause',
    onError: err => logger?.warn({ err }, `view progress not maintained, retrying in ${CHECK_MS} ms`),
  })
  return {
    orphaned: () => views.filter(isOrphaned).map(({ updater }) => updater),
    settle: () => settle(options),
    [Symbol.asyncDispose]: () => checking[Symbol.asyncDispose](),
  }
}

async function settle({ updaters, progress, state }: ViewMaintenanceOptions): Promise<void> {
  const { handledTo, settledTo, batches } = state
  if (handledTo <= settledTo) return
  if (batches) await batches.settle(handledTo)
  else
    await progress.save(
      updaters.map(({ name }) => name),
      handledTo,
    )
  if (state.batches === batches && state.handledTo >= handledTo) state.settledTo = handledTo
}

function isOrphaned({ stalledChecks }: WatchedView): boolean {
  return stalledChecks >= MAX_STALLED_CHECKS
}

/** Reads nothing while every view has come as far as the consumer. */
async function fillOrphaned(
  { progress, consumer, updaters }: ViewMaintenanceOptions,
  views: readonly WatchedView[],
): Promise<void> {
  const { checkpoint } = consumer.status()
  if (views.every(({ position }) => position >= checkpoint)) return
  const positions = await progress.read(updaters.map(({ name }) => name))
  const furthest = Math.max(checkpoint, ...positions.values())
  for (const view of views) {
    const position = positions.get(view.updater.name) ?? 0
    if (position !== view.position) view.stalledChecks = 0
    else if (position < furthest) view.stalledChecks += 1
    view.position = position
    if (!isOrphaned(view)) continue
    await view.updater.catchUp(furthest)
    view.position = furthest // moved by this process, which does not show that anybody updates the view
  }
}
