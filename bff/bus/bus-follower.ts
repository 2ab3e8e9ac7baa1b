// Follows the topics about orders on the bus, once for everything in a BFF that keeps up with them.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** The topics with events about orders, in the order of positions in clients' cursors. */
export const ORDER_TOPICS = SUBGRAPHS

export type BusFollower = AsyncDisposable & {
  /**
   * Follows the bus until the result is disposed. Resolves once every message that was on the bus when following began
   * is received; rejects when the bus cannot be reached.
   */
  hold(): Promise<Disposable>
  /** Follows as `hold` does, until a minute after the last touch. Returns undefined when the bus is followed already. */
  touch(): Promise<void> | undefined
  /** Calls `listener` with every batch, in order per topic, before `heard` counts it. */
  listen(listener: (messages: readonly BusMessage[]) => void): Disposable
  /** Calls `listener` with the starting positions when following begins; earlier messages are not received. */
  onFollow(listener: (from: PositionVector) => void): Disposable
  /** Calls `listener` when following ends or falls behind: from then on, messages may be missing. */
  onGap(listener: () => void): Disposable
  /** Returns how far each topic is received. */
  heard(): PositionVector
}

type BusFollowerOptions = {
  readonly bus: EventBus
  readonly logger: Logger
  /** How many earlier messages of each topic are received when following begins; 1,000 by default. */
  readonly history?: number
  /** How long following goes on after the last touch; 60 s by default. */
  readonly lingerMs?: number
  /** How often the follower checks that it keeps up with the bus; 1 s by default. */
  readonly checkMs?: number
}

/** One period of following, from its first message to its end. */
type Session = {
  readonly tails: AsyncDisposableStack
  readonly closing: AbortController
  readonly caughtUp: Promise<void>
  isBehind: boolean
  isReady: boolean
}

type State = Required<BusFollowerOptions> & {
  readonly heard: Record<string, number>
  readonly messageListeners: Set<(messages: readonly BusMessage[]) => void>
  readonly followListeners: Set<(from: PositionVector) => void>
  readonly gapListeners: Set<() => void>
  /** Called after every batch. */
  readonly arrivalListeners: Set<() => void>
  /** A session outlasts the request that begins it, so it must not run under that request's span. */
  readonly inOwnContext: <Result>(run: () => Result) => Result
  starting: Promise<Session> | undefined
  session: Session | undefined
  holders: number
  touchedAt: number
  isClosed: boolean
}

export function createBusFollower(options: BusFollowerOptions): BusFollower {
  const state = createState(options)
  return {
    hold: () => hold(state),
    touch() {
      if (!state.session?.isReady) return follow(state).then(session => session.caughtUp)
      state.touchedAt = performance.now()
      return undefined
    },
    listen: listener => register(state.messageListeners, listener),
    onFollow: listener => register(state.followListeners, listener),
    onGap: listener => register(state.gapListeners, listener),
    heard: () => state.heard,
    async [Symbol.asyncDispose]() {
      state.isClosed = true
      await state.starting?.catch(() => {}) // whoever began the session got the error
      await stop(state)
    },
  }
}

function createState(options: BusFollowerOptions): State {
  return {
    history: 1_000,
    lingerMs: 60_000,
    checkMs: 1_000,
    ...options,
    heard: {},
    messageListeners: new Set(),
    followListeners: new Set(),
    gapListeners: new Set(),
    arrivalListeners: new Set(),
    inOwnContext: AsyncLocalStorage.snapshot(),
    starting: undefined,
    session: undefined,
    holders: 0,
    touchedAt: 0,
    isClosed: false,
  }
}

function register<Listener>(listeners: Set<Listener>, listener: Listener): Disposable {
  listeners.add(listener)
  return { [Symbol.dispose]: () => void listeners.delete(listener) }
}

async function hold(state: State): Promise<Disposable> {
  state.holders += 1
  let isHeld = true
  const release = () => {
    if (isHeld) state.holders -= 1
    isHeld = false
    state.touchedAt = performance.now()
  }
  try {
    await (await follow(state)).caughtUp
    return { [Symbol.dispose]: release }
  } catch (error) {
    release()
    throw error
  }
}

function follow(state: State): Promise<Session> {
  state.touchedAt = performance.now()
  if (state.isClosed) return Promise.reject(new Error('the bus is no longer followed'))
  state.starting ??= state.inOwnContext(() => start(state))
  return state.starting
}

async function start(state: State): Promise<Session> {
  const tails = new AsyncDisposableStack()
  try {
    const starts = await Promise.all(ORDER_TOPICS.map(topic => startOf(state, topic)))
    const from = Object.fromEntries(starts.map(({ topic, after }) => [topic, after]))
    Object.assign(state.heard, from)
    for (const listener of state.followListeners) listener(from)
    const receive = async (messages: readonly BusMessage[]) => deliver(state, messages)
    for (const { topic, after } of starts)
      tails.use(await state.bus.tail([topic], receive, { [topic]: after }))
    const ends = Object.fromEntries(starts.map(({ topic, end }) => [topic, end]))
    return run(state, tails, ends)
  } catch (error) {
    await tails.disposeAsync()
    state.starting = undefined
    throw error
  }
}

/** A session starts a little in the past, so that it can judge views which another process loaded; but not before the oldest message that is left. */
async function startOf(
  { bus, history }: State,
  topic: string,
): Promise<{ topic: string; after: number; end: number }> {
  const end = await bus.end(topic)
  const after = Math.max(0, end - history)
  try {
    await bus.read(topic, after, 1)
    return { topic, after, end }
  } catch (error) {
    const oldest = oldestPositionIn(error)
    if (oldest === undefined) throw error
    return { topic, after: oldest, end }
  }
}

function run(state: State, tails: AsyncDisposableStack, ends: PositionVector): Session {
  const closing = new AbortController()
  const caughtUp = untilHeard(state, ends, closing.signal)
  const session: Session = { tails, closing, caughtUp, isBehind: false, isReady: false }
  void caughtUp.then(() => {
    session.isReady = true
  })
  state.session = session
  void superviseSession(state, session)
  return session
}

function deliver(state: State, messages: readonly BusMessage[]): void {
  const { heard } = state
  for (const listener of state.messageListeners) listener(messages)
  const last = messages.at(-1)
  if (last) heard[last.topic] = Math.max(heard[last.topic] ?? 0, last.position)
  for (const listener of state.arrivalListeners) listener()
}

function hasHeard({ heard }: State, ends: PositionVector): boolean {
  return Object.entries(ends).every(([topic, end]) => (heard[topic] ?? 0) >= end)
}

/** Resolves once everything up to `ends` is received, or when `signal` aborts. */
function untilHeard(state: State, ends: PositionVector, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const check = () => {
      if (!signal.aborted && !hasHeard(state, ends)) return
      state.arrivalListeners.delete(check)
      signal.removeEventListener('abort', check)
      resolve()
    }
    state.arrivalListeners.add(check)
    signal.addEventListener('abort', check)
    check()
  })
}

/** Checks from time to time that the session keeps up, and ends it when nobody needs it. */
async function superviseSession(state: State, session: Session): Promise<void> {
  const { signal } = session.closing
  while (!signal.aborted) {
    await pauseUnlessAborted(state.checkMs, signal)
    if (signal.aborted) return
    if (state.holders === 0 && performance.now() - state.touchedAt > state.lingerMs) return void stop(state)
    await checkProgress(state, session)
  }
}

/** Reports a gap unless the messages on the bus now are received before the next check; ends the gap once they are. */
async function checkProgress(state: State, session: Session): Promise<void> {
  const { signal } = session.closing
  const isCurrent = await keepsUp(state, AbortSignal.any([signal, AbortSignal.timeout(state.checkMs)]))
  if (signal.aborted || isCurrent !== session.isBehind) return
  session.isBehind = !isCurrent
  if (isCurrent) for (const listener of state.followListeners) listener({ ...state.heard })
  else for (const listener of state.gapListeners) listener()
  if (isCurrent) state.logger.info('event bus followed again, pages are cached')
  else state.logger.warn('event bus cannot be followed, no page is cached until it can')
}

async function keepsUp(state: State, deadline: AbortSignal): Promise<boolean> {
  try {
    const ends = await readEnds(state, deadline)
    await untilHeard(state, ends, deadline)
    return hasHeard(state, ends)
  } catch {
    return false // the bus cannot be reached, so there may be messages that are not received
  }
}

async function readEnds({ bus }: State, deadline: AbortSignal): Promise<PositionVector> {
  const late = new Promise<never>((_, reject) =>
    deadline.addEventListener('abort', () => reject(deadline.reason)),
  )
  const ends = Promise.all(ORDER_TOPICS.map(async topic => [topic, await bus.end(topic)] as const))
  return Object.fromEntries(await Promise.race([ends, late]))
}

async function stop(state: State): Promise<void> {
  const { session } = state
  state.session = undefined
  state.starting = undefined
  if (!session) return
  for (const listener of state.gapListeners) listener()
  session.closing.abort()
  await session.tails.disposeAsync()
}
