// Learns how many requests may run at once: as many as raise the throughput, and no more.

export type LimitBounds = {
  /** The limit is never lower, so that the requests let through can show when more would be served. */
  readonly floor: number
  readonly initial: number
  readonly ceiling: number
}

/**
 * The limit rises while more concurrency brings more throughput, and falls while it brings longer latencies alone: by
 * Little's law it follows the gradient of the latency. No target and no baseline has to be set or can go stale when the mix
 * of requests or the machine changes. It alternates around its base, and compares the two throughputs. `now` is in
 * milliseconds, and never goes back.
 */
export type ConcurrencyLimit = {
  current(): number
  /** Returns how long requests take at the moment, in milliseconds. */
  latency(): number
  started(now: number): void
  /** Notes the end of a request. It counts as throughput only if it was served. */
  ended(now: number, result: { readonly startedAt: number; readonly isServed: boolean }): void
  /** Notes that a request had to wait for the limit: otherwise it is the demand that bounds the throughput. */
  reached(): void
}

/** The limit is its base times this in one window, and its base divided by this in the next. */
const STEP = 1.4
/** The share of a rise in concurrency that has to come back as throughput. */
const WORTHWHILE = 0.3
/** The weight of one comparison beside those before. */
const WEIGHT = 0.5
/** How far the base follows what was learned, as an exponent. */
const GAIN = 0.8
/** One comparison counts for no more than this, so that a hiccup does not. */
const LARGEST_SLOPE = 1.5
const LATENCY_WEIGHT = 0.1
/** Latencies that are so many times the usual ones show a slower service: the base is cut at once, and learned anew. */
const MUCH_SLOWER = 2
const CUT = 0.7
const USUAL_WEIGHT = 0.1
const SHORTEST_MS = 300
/** Long enough for commands that wait some seconds for their outcome: slower ones never count as worthwhile. */
const LONGEST_MS = 6000
/** A window begins so many latencies after a change of the limit, and lasts as many. */
const WINDOW_LATENCIES = 3
/** A window lasts up to twice as long until it has seen so many requests. */
const FEWEST_SERVED = 10

type Sample = { readonly concurrency: number; readonly throughput: number }
/** `area` is the concurrency added up over the time since `from`, before which nothing is counted. */
type Window = { readonly from: number; readonly until: number; at: number; area: number; served: number }
type State = {
  readonly bounds: LimitBounds
  base: number
  isHigh: boolean
  /** The slope of throughput over concurrency, both as logarithms: 1 while idle capacity is left, 0 when there is none. */
  slope: number
  latency: number
  /** The latency while the limit binds; undefined until a window has shown it. With little demand it says nothing. */
  usualLatency: number | undefined
  running: number
  isReached: boolean
  /** The window before; undefined when the limit did not bind in it. */
  before: Sample | undefined
  window: Window
}

export function createConcurrencyLimit(bounds: LimitBounds, now: number): ConcurrencyLimit {
  const state: State = {
    bounds,
    base: bounds.initial,
    isHigh: true,
    slope: WORTHWHILE,
    latency: SHORTEST_MS,
    usualLatency: undefined,
    running: 0,
    isReached: false,
    before: undefined,
    window: openWindow(now, SHORTEST_MS),
  }
  return {
    current: () => limitOf(state),
    latency: () => state.latency,
    started(now) {
      advance(state, now)
      state.running += 1
    },
    ended(now, { startedAt, isServed }) {
      advance(state, now)
      state.running -= 1
      state.latency += LATENCY_WEIGHT * (now - startedAt - state.latency)
      if (isServed && now > state.window.from) state.window.served += 1
    },
    reached() {
      state.isReached = true
    },
  }
}

function limitOf({ bounds, base, isHigh }: State): number {
  return clamp(Math.round(isHigh ? base * STEP : base / STEP), bounds.floor, bounds.ceiling)
}

/**
 * What a window counts begins only some latencies after the change of the limit: requests from before it end for another
 * latency, and work that requests leave behind them, such as the delivery of an order that was accepted, shows later still. More
 * of that is left behind while the limit is high, and done while it is low, which would make the higher limit look better.
 */
function openWindow(now: number, latency: number): Window {
  const length = WINDOW_LATENCIES * clamp(latency, SHORTEST_MS, LONGEST_MS)
  const from = now + length
  return { from, until: from + length, at: from, area: 0, served: 0 }
}

function advance(state: State, now: number): void {
  const { window, running } = state
  if (now <= window.at) return
  window.area += running * (now - window.at)
  window.at = now
  if (now < window.until) return
  if (state.isReached && window.served < FEWEST_SERVED && now < window.until + LONGEST_MS) return
  close(state, now)
}

function close(state: State, now: number): void {
  const { window, before } = state
  const ms = now - window.from
  // One more than were served keeps the logarithm finite, and matters little otherwise.
  const sample = { concurrency: window.area / ms, throughput: (window.served + 1) / ms }
  if (state.isReached) {
    const usual = state.usualLatency ?? state.latency
    if (state.latency > MUCH_SLOWER * usual) setBase(state, state.base * CUT)
    else if (before) learn(state, before, sample)
    state.usualLatency = usual + USUAL_WEIGHT * (state.latency - usual)
  }
  state.before = state.isReached ? sample : undefined
  state.isHigh = !(state.isReached && state.isHigh)
  state.isReached = false
  state.window = openWindow(now, state.latency)
}

function learn(state: State, before: Sample, sample: Sample): void {
  const rise = Math.log(sample.concurrency / before.concurrency)
  if (Math.abs(rise) < Math.log(STEP) / 2) return // the floor, the ceiling or the demand held it
  const slope = Math.log(sample.throughput / before.throughput) / rise
  const most = state.latency < LONGEST_MS ? LARGEST_SLOPE : 0
  state.slope += WEIGHT * (clamp(slope, -LARGEST_SLOPE, most) - state.slope)
  setBase(state, state.base * Math.exp(GAIN * (state.slope - WORTHWHILE)))
}

function setBase(state: State, base: number): void {
  state.base = clamp(base, state.bounds.floor, state.bounds.ceiling)
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
