// Looks after views while they run: the owner notes how far they are, the others fill those that nobody feeds. Free of any driver.
import type { Consumer } from '#platform/event-store/event-store.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import type { ViewProgress } from '#platform/read-models/view-progress.ts'
import type { ViewUpdater } from '#platform/read-models/view-updater.ts'

/** `feeding` while this process owns the consumer and its views are up to date with the checkpoint. */
export type FeedState = { readonly feeding: boolean; readonly handledTo: number }

export type ViewMaintenance = {
  /** The views that the consumer's owner, an older build, does not know. */
  unfed(): Iterable<ViewUpdater>
  /** Notes how far this process has fed its views. */
  note(): Promise<void>
  stop(): Promise<void>
}

const TICK_MS = 1_000
/** Looks at which a view stood still behind the others before it counts as unfed. */
const PATIENCE = 3

export function startViewMaintenance(options: {
  feeds: readonly ViewUpdater[]
  progress: ViewProgress
  consumer: Consumer
  state: FeedState
  logger: StoreLogger | undefined
}): ViewMaintenance {
  const { feeds, progress, consumer, state, logger } = options
  const names = feeds.map(feed => feed.name)
  const watched = feeds.map(feed => ({ feed, seen: -1, stood: 0 }))
  const unfed = () => watched.filter(({ stood }) => stood >= PATIENCE).map(({ feed }) => feed)
  let noted = 0

  async function note(): Promise<void> {
    const { handledTo } = state
    if (handledTo <= noted) return
    await progress.save(names, handledTo)
    noted = handledTo
  }

  async function look(): Promise<void> {
    const now = await progress.read(names)
    const most = Math.max(consumer.status().checkpoint, ...now.values())
    for (const view of watched) {
      const position = now.get(view.feed.name) ?? 0
      if (position !== view.seen) view.stood = 0
      else if (position < most) view.stood += 1
      view.seen = position
      if (view.stood < PATIENCE) continue
      await view.feed.catchUp(most)
      view.seen = most // our own doing, which does not show that anybody feeds it
    }
  }

  async function tick(): Promise<void> {
    if (!state.feeding) return look()
    for (const view of watched) view.stood = 0
    await note()
  }

  const ticking = every(TICK_MS, tick, err =>
    logger?.warn({ err }, 'the progress of the views could not be kept'),
  )
  return { unfed, note, stop: ticking.stop }
}

/** Runs `work` every `ms`, one run at a time. `stop` waits for the one that is running. */
function every(
  ms: number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  let running: Promise<void> | undefined
  const timer = setInterval(() => {
    running ??= work()
      .catch(onError)
      .finally(() => {
        running = undefined
      })
  }, ms)
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
