// Maintains the views once a second: the consumer's owner saves their progress, the others fill views that nobody updates.
import type { Consumer } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import type { ViewProgress } from '#platform/read-models/view-progress.ts'
import type { ViewUpdater } from '#platform/read-models/view-updater.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'

/** `isUpdating` while this process owns the consumer and its views are up to date with the checkpoint. */
export type UpdateState = { isUpdating: boolean; handledTo: number }

type ViewMaintenance = AsyncDisposable & {
  /** Returns the views that the consumer's owner, an older build, does not know. */
  orphaned(): Iterable<ViewUpdater>
  /** Saves how far this process has updated its views. */
  saveProgress(): Promise<void>
}

type ViewMaintenanceOptions = {
  readonly updaters: readonly ViewUpdater[]
  readonly progress: ViewProgress
  readonly consumer: Consumer
  readonly state: UpdateState
  readonly logger: StoreLogger | undefined
}

/** The saved position that was seen last, and in how many checks it stood still behind the others. */
type WatchedView = { readonly updater: ViewUpdater; position: number; stalledChecks: number }

const CHECK_MS = 1_000
/** A view that stood still in this many checks is orphaned. */
const MAX_STALLED_CHECKS = 3

export function startViewMaintenance(options: ViewMaintenanceOptions): ViewMaintenance {
  const { updaters, progress, state, logger } = options
  const names = updaters.map(({ name }) => name)
  const views: WatchedView[] = updaters.map(updater => ({ updater, position: -1, stalledChecks: 0 }))
  let saved = 0

  async function saveProgress(): Promise<void> {
    const { handledTo } = state
    if (handledTo <= saved) return
    await progress.save(names, handledTo)
    saved = handledTo
  }

  async function check(): Promise<void> {
    if (!state.isUpdating) return fillOrphaned(options, views)
    for (const view of views) view.stalledChecks = 0
    await saveProgress()
  }

  const checking = startPeriodicTask({
    run: check,
    everyMs: CHECK_MS,
    first: 'after-pause',
    onError: err => logger?.warn({ err }, `view progress not maintained, retrying in ${CHECK_MS} ms`),
  })
  return {
    orphaned: () => views.filter(isOrphaned).map(({ updater }) => updater),
    saveProgress,
    [Symbol.asyncDispose]: () => checking[Symbol.asyncDispose](),
  }
}

function isOrphaned({ stalledChecks }: WatchedView): boolean {
  return stalledChecks >= MAX_STALLED_CHECKS
}

async function fillOrphaned(
  { progress, consumer, updaters }: ViewMaintenanceOptions,
  views: readonly WatchedView[],
): Promise<void> {
  const positions = await progress.read(updaters.map(({ name }) => name))
  const furthest = Math.max(consumer.status().checkpoint, ...positions.values())
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
