// Follows the supergraph's source while the gateway runs: what can be served replaces what is, the rest is refused. Free of where it is.
import type { CurrentGraph } from '#gateway/graph/current-graph.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import { warmUp } from '#gateway/graph/warm-up.ts'
import { observeReloads } from '#gateway/observe/reloads.ts'
import type { ReloadSettings } from '#gateway/supergraph/settings.ts'
import type { SupergraphSource } from '#gateway/supergraph/source.ts'
import { versionOf } from '#gateway/supergraph/source.ts'
import type { Health } from '#platform/resilience/health.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type SupergraphReloader = AsyncDisposable & {
  /**
   * Looks at the source now. Resolves once what it has is served or refused; never rejects. Calls during a look end with
   * one more look, which they share.
   */
  reload(): Promise<void>
  /** Always ok, since something is served: which version, and what was refused. */
  health(): Health
}

export type ReloaderOptions = {
  readonly source: SupergraphSource
  /** What `current` serves at the beginning. */
  readonly served: string
  readonly current: CurrentGraph
  /** Rejects with why it cannot be served. */
  readonly open: (sdl: string) => Promise<Graph>
  readonly settings: ReloadSettings
  readonly logger: Logger
}

type Refusal = { readonly version: string; readonly reason: string }
type State = {
  served: string
  since: Date
  /** The text that was read last, when it cannot be served. */
  refused: Refusal | undefined
  /** Why there was no text. */
  unreadable: string | undefined
}

const MAX_REASON = 500

/** Begins to watch and to poll; disposing stops that, and waits for a look under way. */
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
  const look = () => (stop.signal.aborted ? Promise.resolve() : lookOnce(options, state, stop.signal))
  const reload = oneAfterAnother(look)
  const watching = source.watch(() => void reload())
  const polling = poll(reload, settings.pollMs)
  return {
    reload,
    health: () => ({ ok: true, detail: describe(state) }),
    async [Symbol.asyncDispose]() {
      stop.abort()
      watching[Symbol.dispose]()
      polling[Symbol.dispose]()
      await reload()
    },
  }
}

/** Runs `work` once at a time. Whoever asks while it runs gets the end of the next run. */
function oneAfterAnother(work: () => Promise<void>): () => Promise<void> {
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

function poll(look: () => Promise<void>, everyMs: number): Disposable {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const wait = () => {
    if (stopped || everyMs === 0) return
    timer = setTimeout(() => void look().then(wait), everyMs).unref()
  }
  wait()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function lookOnce(options: ReloaderOptions, state: State, signal: AbortSignal): Promise<void> {
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
      logger.warn({ reason }, 'the supergraph cannot be read; the last one stays')
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
      'the supergraph is refused; the last one stays',
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
