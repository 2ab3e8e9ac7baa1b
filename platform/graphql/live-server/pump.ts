// Pumps items from a source to a sink no faster than the sink can take them.
import type { EncodedResult, MaybePromise } from '#platform/graphql/live-server/encoded-results.ts'

/** Where results go. After `fail` or `complete` nothing more is called. */
export type Sink = {
  /** False while the buffer is full; its owner calls the pump's `resume` once there is room again. */
  ready(): boolean
  next(result: EncodedResult): void
  fail(error: unknown): void
  complete(): void
}

export type Pump = {
  /** Goes on where the sink has become ready. */
  resume(): void
  /** Writes nothing more, and closes the source. */
  stop(): void
}

export type PumpSource = {
  readonly source: AsyncIterator<unknown>
  readonly resultOf: (item: unknown) => MaybePromise<EncodedResult>
}

type State = PumpSource & {
  readonly sink: Sink
  /** The callbacks are made once: an item costs no closure. */
  readonly onItem: (item: IteratorResult<unknown>) => void
  readonly onResult: (result: EncodedResult) => void
  readonly onError: (error: unknown) => void
  ended: boolean
  /** A result that came while the sink was full. */
  held: EncodedResult | undefined
  /** While true, the next item is requested only when the sink is ready again. */
  paused: boolean
  items: number
}

/** A source that always has another item yields to the event loop after this many. */
const ITEMS_PER_TURN = 64

/**
 * Asks the source for its next item only when the sink can take it: a slow reader holds one item here, and the source
 * decides whether to keep, merge or drop what comes meanwhile.
 */
export function startPump({ source, resultOf }: PumpSource, sink: Sink): Pump {
  const state: State = {
    source,
    resultOf,
    sink,
    onItem: item => handleItem(state, item),
    onResult: result => deliver(state, result),
    onError: error => fail(state, error),
    ended: false,
    held: undefined,
    paused: false,
    items: 0,
  }
  requestItem(state)
  return { resume: () => resume(state), stop: () => stop(state) }
}

function requestItem(state: State): void {
  if (!state.ended) state.source.next().then(state.onItem, state.onError)
}

function handleItem(state: State, item: IteratorResult<unknown>): void {
  if (state.ended) return
  if (item.done) {
    state.ended = true
    state.sink.complete()
    return
  }
  try {
    const result = state.resultOf(item.value)
    if (result instanceof Promise) result.then(state.onResult, state.onError)
    else deliver(state, result)
  } catch (error) {
    fail(state, error)
  }
}

function deliver(state: State, result: EncodedResult): void {
  const { sink } = state
  if (state.ended) return
  if (!sink.ready()) {
    state.held = result
    return
  }
  sink.next(result)
  if (sink.ready()) requestNext(state)
  else state.paused = true
}

function requestNext(state: State): void {
  state.items += 1
  if (state.items % ITEMS_PER_TURN === 0) setImmediate(requestItem, state)
  else requestItem(state)
}

function fail(state: State, error: unknown): void {
  if (state.ended) return
  state.ended = true
  state.sink.fail(error)
  closeSource(state.source)
}

function resume(state: State): void {
  if (state.ended || !state.sink.ready()) return
  const { held } = state
  if (held) {
    state.held = undefined
    deliver(state, held)
  } else if (state.paused) {
    state.paused = false
    requestNext(state)
  }
}

function stop(state: State): void {
  if (state.ended) return
  state.ended = true
  state.held = undefined
  closeSource(state.source)
}

/** Tells a source that nobody reads it any more. */
export function closeSource(source: AsyncIterator<unknown>): void {
  source.return?.().catch(() => undefined) // nobody is left to tell of a failure
}

/** Returns a source of one item. */
export async function* singleItem(item: unknown): AsyncGenerator<unknown> {
  yield item
}
