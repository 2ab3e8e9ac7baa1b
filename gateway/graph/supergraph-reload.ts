// Reloads the supergraph when its source changes: a valid one replaces the current graph, an invalid one is refused.
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import { warmUp } from '#gateway/graph/warm-up.ts'
import { observeReloads } from '#gateway/observe/reloads.ts'
import type { ReloadSettings } from '#gateway/supergraph/settings.ts'
import type { SupergraphSource } from '#gateway/supergraph/source.ts'
import { versionOf } from '#gateway/supergraph/source.ts'
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import type { Health } from '#platform/resilience/health.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SupergraphReloader = AsyncDisposable & {
  /**
   * Reads the source now. Resolves once its supergraph is served or refused; never rejects. Calls during a reload share one
   * more reload after it.
   */
  reload(): Promise<void>
  /** Always ok, since a supergraph is served; the detail names its version and a refused one. */
  health(): Health
}

type ReloaderOptions = {
  readonly source: SupergraphSource
  /** The text that `current` serves at the start. */
  readonly served: string
  readonly current: CurrentGraph
  /** Rejects with the reason when the supergraph cannot be served. */
  readonly open: (sdl: string) => Promise<Graph>
  readonly settings: ReloadSettings
  readonly logger: Logger
}

type Refusal = { readonly version: string; readonly reason: string }
type State = {
  served: string
  since: Date
  /** The last text that was read, when it was refused. */
  refused: Refusal | undefined
  /** Why the last read failed. */
  unreadable: string | undefined
}

const MAX_REASON = 500

/** Starts watching and polling; disposing stops both, and waits for a running reload. */
export function startSupergraphReloader(options: ReloaderOptions): SupergraphReloader {
  const { source, settings } = options
  const state: State = {
    served: versionOf(options.served),
    since: new Date(),
    refused: undefined,
    unreadable: undefined,
  }
  observeReloads().served()
  const stop = new AbortController()
  const reload = oneAtATime(() =>
    stop.signal.aborted ? Promise.resolve() : reloadOnce(options, state, stop.signal),
  )
  const watching = source.watch(() => void reload())
  void poll(reload, settings.pollMs, stop.signal)
  return {
    reload,
    health: () => ({ ok: true, detail: describe(state) }),
    async [Symbol.asyncDispose]() {
      stop.abort()
      watching[Symbol.dispose]()
      await reload()
    },
  }
}

/** Runs `work` once at a time. A call while it runs resolves with the end of the next run. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  return () => {
    next ??= running.then(() => {
      next = undefined
      running = work()
      return running
    })
    return next
  }
}

async function poll(reload: () => Promise<void>, everyMs: number, signal: AbortSignal): Promise<void> {
  while (everyMs > 0 && !signal.aborted) {
    await pauseUnlessAborted(everyMs, signal)
    if (!signal.aborted) await reload()
  }
}

async function reloadOnce(options: ReloaderOptions, state: State, signal: AbortSignal): Promise<void> {
  const read = await readNow(options, state)
  if (read === undefined || signal.aborted) return
  const version = versionOf(read)
  if (version === state.served) state.refused = undefined
  else if (version !== state.refused?.version) await serve(options, state, { sdl: read, version, signal })
}

async function readNow({ source, logger }: ReloaderOptions, state: State): Promise<string | undefined> {
  try {
    const text = await source.read()
    state.unreadable = undefined
    return text
  } catch (error) {
    const reason = reasonOf(error)
    if (reason !== state.unreadable)
      logger.warn({ reason }, 'supergraph cannot be read, the current one stays in service')
    state.unreadable = reason
    observeReloads().unreadable()
    return undefined
  }
}

type Candidate = { readonly sdl: string; readonly version: string; readonly signal: AbortSignal }

async function serve(
  options: ReloaderOptions,
  state: State,
  { sdl, version, signal }: Candidate,
): Promise<void> {
  const { current, logger, open, settings } = options
  const began = performance.now()
  let next: Graph
  try {
    next = await open(sdl)
  } catch (error) {
    state.refused = { version, reason: reasonOf(error) }
    observeReloads().refused()
    return logger.error(
      { ...state.refused, served: state.served },
      'supergraph refused, the current one stays in service',
    )
  }
  const bounds = { operations: settings.warmOperations, ms: settings.warmMs }
  const { warmed, refused, left } = await warmUp(next.operations, current.get().operations, {
    bounds,
    signal,
  })
  if (signal.aborted) return next[Symbol.asyncDispose]()
  current.replace(next)
  const ms = Math.round(performance.now() - began)
  logger.info(
    { version, before: state.served, warmed, no_longer_valid: refused, left, ms },
    'a new supergraph is served',
  )
  Object.assign(state, { served: version, since: new Date(), refused: undefined })
  observeReloads().served()
}

function describe({ served, since, refused, unreadable }: State): string {
  return [
    `serves version ${served} since ${since.toISOString()}`,
    ...(refused ? [`refused version ${refused.version}: ${refused.reason}`] : []),
    ...(unreadable === undefined ? [] : [unreadable]),
  ].join('; ')
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON)
}
