// One tail of the bus for all that a BFF keeps in step with it: followed while it is of use. Free of what messages mean.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** The topics that speak of orders. Cursors of clients hold positions in this order: append, never rearrange. */
export const ORDER_TOPICS = ['orders', 'inventory', 'payment', 'shipping'] as const

export type BusFollower = AsyncDisposable & {
  /** Follows, and resolves once all is heard that was on the bus when it began; throws when the bus cannot be reached. */
  hold(): Promise<Disposable>
  /** As `hold`, for a moment: following goes on for a minute after the last touch. Undefined when it follows already. */
  touch(): Promise<void> | undefined
  /** Called with every batch while the bus is followed, in order per topic, before `heard` counts it. */
  listen(listener: (messages: readonly BusMessage[]) => void): Disposable
  /** Called when following begins, with where it begins; what came before `from` has not been heard. */
  onFollow(listener: (from: PositionVector) => void): Disposable
  /** Called when it ends, or when the bus has not been heard for a moment: what is heard no longer says all. */
  onGap(listener: () => void): Disposable
  /** Where the present following began. */
  from(): PositionVector
  heard(): PositionVector
}

export type BusFollowerOptions = {
  readonly bus: EventBus
  readonly logger: Logger
  /** How much of each topic's past is heard when following begins; 1,000 messages when left out. */
  readonly history?: number
  /** 60 s when left out. */
  readonly lingerMs?: number
  /** How often it is asked whether all is heard; 1 s when left out. */
  readonly checkMs?: number
}

type Following = {
  readonly from: PositionVector
  readonly tails: AsyncDisposableStack
  readonly closing: AbortController
  readonly caughtUp: Promise<void>
  /** Set while the bus has not been heard for a moment. */
  deaf: boolean
  ready: boolean
}

export function createBusFollower(options: BusFollowerOptions): BusFollower {
  const { bus, logger, history = 1_000, lingerMs = 60_000, checkMs = 1_000 } = options
  const heard: Record<string, number> = {}
  const listeners = new Set<(messages: readonly BusMessage[]) => void>()
  const beginners = new Set<(from: PositionVector) => void>()
  const gaps = new Set<() => void>()
  const arrivals = new Set<() => void>()
  // Following outlasts the request that first needs it, whose span it must not go on under.
  const inOwnContext = AsyncLocalStorage.snapshot()
  let following: Promise<Following> | undefined
  let current: Following | undefined
  let holders = 0
  let touchedAt = 0
  let closed = false

  async function hear(messages: readonly BusMessage[]): Promise<void> {
    for (const listener of listeners) listener(messages)
    const last = messages.at(-1)
    if (last) heard[last.topic] = Math.max(heard[last.topic] ?? 0, last.position)
    for (const arrival of arrivals) arrival()
  }

  async function begin(): Promise<Following> {
    const tails = new AsyncDisposableStack()
    const closing = new AbortController()
    try {
      const starts = await Promise.all(ORDER_TOPICS.map(topic => startOf(topic)))
      const from: Record<string, number> = {}
      for (const { topic, after } of starts) {
        from[topic] = after
        heard[topic] = after
      }
      for (const listener of beginners) listener(from)
      for (const { topic, after } of starts) tails.use(await bus.tail([topic], hear, { [topic]: after }))
      const ends = Object.fromEntries(starts.map(({ topic, end }) => [topic, end]))
      const made: Following = {
        from,
        tails,
        closing,
        deaf: false,
        ready: false,
        caughtUp: untilHeard(ends, closing.signal),
      }
      void made.caughtUp.then(() => {
        made.ready = true
      })
      current = made
      void watchOver(made)
      return made
    } catch (error) {
      await tails.disposeAsync()
      following = undefined
      throw error
    }
  }

  /** A little of the past, so that views which another process loaded can be judged; no more than is kept. */
  async function startOf(topic: string): Promise<{ topic: string; after: number; end: number }> {
    const end = await bus.end(topic)
    const after = Math.max(0, end - history)
    try {
      await bus.read(topic, after, 1)
      return { topic, after, end }
    } catch (error) {
      const oldest = error instanceof CallerError ? error.details?.oldest : undefined
      if (typeof oldest !== 'number') throw error
      return { topic, after: oldest, end }
    }
  }

  function reached(ends: PositionVector): boolean {
    return Object.entries(ends).every(([topic, end]) => (heard[topic] ?? 0) >= end)
  }

  function untilHeard(ends: PositionVector, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!signal.aborted && !reached(ends)) return
        arrivals.delete(look)
        signal.removeEventListener('abort', look)
        resolve()
      }
      arrivals.add(look)
      signal.addEventListener('abort', look)
      look()
    })
  }

  /** Asks from time to time whether everything is heard; ends the following when nobody needs it. */
  async function watchOver(made: Following): Promise<void> {
    const { signal } = made.closing
    while (!signal.aborted) {
      await delay(checkMs, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      if (holders === 0 && performance.now() - touchedAt > lingerMs) return void stop()
      await judge(made)
    }
  }

  /** What was on the bus a check ago must be heard by now. */
  async function judge(made: Following): Promise<void> {
    const { signal } = made.closing
    const late = AbortSignal.any([signal, AbortSignal.timeout(checkMs)])
    const hears = await endsOf(late)
      .then(ends => untilHeard(ends, late).then(() => reached(ends)))
      .catch(() => false)
    if (signal.aborted || hears !== made.deaf) return
    made.deaf = !hears
    if (hears) for (const listener of beginners) listener({ ...heard })
    else for (const gap of gaps) gap()
    logger[hears ? 'info' : 'warn'](
      hears ? 'the bus is heard again' : 'the bus is not heard: nothing is cached',
    )
  }

  async function endsOf(signal: AbortSignal): Promise<PositionVector> {
    const late = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason)),
    )
    const ends = Promise.all(ORDER_TOPICS.map(async topic => [topic, await bus.end(topic)] as const))
    return Object.fromEntries(await Promise.race([ends, late]))
  }

  async function stop(): Promise<void> {
    const made = current
    current = undefined
    following = undefined
    if (!made) return
    for (const gap of gaps) gap()
    made.closing.abort()
    await made.tails.disposeAsync()
  }

  function follow(): Promise<Following> {
    touchedAt = performance.now()
    if (closed) return Promise.reject(new Error('the bus is no longer followed'))
    following ??= inOwnContext(begin)
    return following
  }

  return {
    async hold() {
      holders += 1
      let held = true
      const release = () => {
        if (held) holders -= 1
        held = false
        touchedAt = performance.now()
      }
      try {
        await (await follow()).caughtUp
        return { [Symbol.dispose]: release }
      } catch (error) {
        release()
        throw error
      }
    },
    touch() {
      if (!current?.ready) return follow().then(made => made.caughtUp)
      touchedAt = performance.now()
      return undefined
    },
    listen: listener => joined(listeners, listener),
    onFollow: listener => joined(beginners, listener),
    onGap: listener => joined(gaps, listener),
    from: () => current?.from ?? {},
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      closed = true
      await following?.catch(() => {})
      await stop()
    },
  }
}

function joined<Listener>(listeners: Set<Listener>, listener: Listener): Disposable {
  listeners.add(listener)
  return { [Symbol.dispose]: () => void listeners.delete(listener) }
}
