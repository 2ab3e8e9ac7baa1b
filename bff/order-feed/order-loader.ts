// Reads the state of changed orders, once for all who want it, until it succeeds. Free of subscribers and the bus.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import {
  covers,
  maxPositions,
  type Positions,
  positionsOf,
  START,
  vectorBeyond,
} from '#bff/order-feed/positions.ts'
import { mergePositions, type PositionVector } from '#platform/consistency/position-vector.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

export type Detail = 'page' | 'summary'

/** What a state must contain: what happened to the order up to `positions`, and what any process had told up to `since`. */
export type LoadRequest = {
  readonly positions: PositionVector
  readonly since: Positions
  readonly detail: Detail
  /** That of the event behind it. */
  readonly traceparent?: string | undefined
}

export type OrderLoader<Order> = {
  /**
   * The order with all that is needed, or newer. What was read before serves if it contains that; a read under way
   * serves if it will; needs that come meanwhile share the next one. A read that fails is made again with growing
   * pauses. Undefined once the order is not there time and again, once it alone cannot be read while others can, and
   * when `signal` aborts. Never throws.
   */
  load(orderId: string, need: LoadRequest): Promise<Order | undefined>
  /** Begins to read what will be asked for soon, unless there is plenty to read already. */
  preload(orderId: string, need: LoadRequest): void
}

export type OrderLoaderOptions<Order extends object> = {
  /** Gives the order with all that `heard` covers by now, and with `positions`. */
  readonly read: (orderId: string, positions: PositionVector, detail: Detail) => Promise<Order | undefined>
  readonly heard: () => Positions
  /** What a read asks for although nobody needs it yet: the page of an order that somebody watches. */
  readonly detailOf: (orderId: string) => Detail
  /** Called with every state that was read. */
  readonly onRead: (orderId: string, order: Order) => void
  /** Between attempts to read. */
  readonly longestPauseMs: number
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** States kept for who is slow or resumes; they are those of the BFF's cache, not copies. */
const KEPT = 1_000
const READS_AT_ONCE = 200
/** Some three seconds, as pauses go. */
const MOST_ATTEMPTS = 7
const FIRST_RETRY_MS = 50

/** `contains`: everything up to this place that is about the order. */
type Known<Order> = { readonly order: Order; readonly contains: Positions; readonly detail: Detail }

/** One read. Until it begins, more is asked of it; `contains` is what its result will surely contain. */
type Round<Order> = {
  positions: PositionVector
  since: Positions
  contains: Positions
  detail: Detail
  traceparent: string | undefined
  readonly outcome: PromiseWithResolvers<Order | undefined>
}
type Job<Order> = { current: Round<Order>; next: Round<Order> | undefined }

export function createOrderLoader<Order extends object>(
  options: OrderLoaderOptions<Order>,
): OrderLoader<Order> {
  const { read, heard, detailOf, onRead, longestPauseMs, logger, signal } = options
  const known = new LRUCache<string, Known<Order>>({ max: KEPT })
  const jobs = new Map<string, Job<Order>>()
  const slots = createSlots(READS_AT_ONCE)
  let successes = 0
  // Reads outlast the subscription that first needs them, whose span and request they must not go on under.
  const inOwnContext = AsyncLocalStorage.snapshot()

  function get(orderId: string, need: LoadRequest): Promise<Order | undefined> {
    const has = known.get(orderId)
    if (has && suffices(has, need)) return Promise.resolve(has.order)
    const job = jobs.get(orderId)
    if (!job) return start(orderId, need)
    if (suffices(job.current, need)) return job.current.outcome.promise
    job.next = job.next ? joined(job.next, need) : newRound(need)
    return job.next.outcome.promise
  }

  function start(orderId: string, need: LoadRequest): Promise<Order | undefined> {
    const job: Job<Order> = { current: newRound(need), next: undefined }
    jobs.set(orderId, job)
    const { promise } = job.current.outcome
    void inOwnContext(() => work(orderId, job))
    return promise
  }

  async function work(orderId: string, job: Job<Order>): Promise<void> {
    for (;;) {
      const round = job.current
      begin(orderId, round)
      const order = await readPatiently(orderId, round)
      if (order) keep(orderId, order, round)
      const { next } = job
      if (next) {
        job.current = next
        job.next = undefined
      } else jobs.delete(orderId)
      round.outcome.resolve(order)
      if (!next) return
    }
  }

  /**
   * What is heard here every read contains; what only another process has heard must be asked for. That goes for what
   * was asked for before, too: else who is ahead of this process would need a further read of each event.
   */
  function begin(orderId: string, round: Round<Order>): void {
    const place = heard()
    const since = maxPositions(round.since, known.peek(orderId)?.contains ?? START)
    round.positions = mergePositions(round.positions, vectorBeyond(since, place))
    round.contains = maxPositions(place, positionsOf(round.positions))
    if (detailOf(orderId) === 'page') round.detail = 'page'
  }

  function keep(orderId: string, order: Order, { contains, detail }: Round<Order>): void {
    known.set(orderId, { order, contains, detail })
    onRead(orderId, order)
  }

  /** An outage is waited out; what ends it is that this order alone is missing, or cannot be read while others can. */
  async function readPatiently(orderId: string, round: Round<Order>): Promise<Order | undefined> {
    const successesBefore = successes
    let inVain = 0
    for (let attempt = 1; !signal.aborted; attempt++) {
      const { order, error } = await readOnce(orderId, round)
      if (order) {
        successes += 1
        return order
      }
      if (error === undefined || successes > successesBefore) inVain += 1
      if (inVain === MOST_ATTEMPTS) {
        logger.error({ err: error, orderId }, 'an order that changed cannot be read: it is left out')
        return undefined
      }
      if (attempt === 1)
        logger.warn({ err: error, orderId }, 'an order that changed could not be read; trying again')
      const ms = fullJitter(attempt, FIRST_RETRY_MS, longestPauseMs)
      await delay(ms, undefined, { signal, ref: false }).catch(() => {})
    }
    return undefined
  }

  async function readOnce(
    orderId: string,
    { positions, detail, traceparent }: Round<Order>,
  ): Promise<{ readonly order?: Order | undefined; readonly error?: unknown }> {
    await slots.take()
    try {
      const attributes = { 'waybill.order.id': orderId }
      const order = await inSpan('push order', { parent: traceparent, kind: 'producer', attributes }, () =>
        read(orderId, positions, detail),
      )
      return { order }
    } catch (error) {
      return { error }
    } finally {
      slots.leave()
    }
  }

  return {
    load: get,
    preload(orderId, need) {
      if (jobs.size < READS_AT_ONCE || jobs.has(orderId)) void get(orderId, need)
    },
  }
}

function suffices(has: Pick<Known<unknown>, 'contains' | 'detail'>, need: LoadRequest): boolean {
  if (need.detail === 'page' && has.detail === 'summary') return false
  return covers(has.contains, need.since) && covers(has.contains, positionsOf(need.positions))
}

function newRound<Order>({ positions, since, detail, traceparent }: LoadRequest): Round<Order> {
  return { positions, since, contains: START, detail, traceparent, outcome: Promise.withResolvers() }
}

function joined<Order>(round: Round<Order>, need: LoadRequest): Round<Order> {
  round.positions = mergePositions(round.positions, need.positions)
  round.since = maxPositions(round.since, need.since)
  if (need.detail === 'page') round.detail = 'page'
  round.traceparent = need.traceparent ?? round.traceparent
  return round
}

/** At most `count` at once; who comes later waits in line. */
function createSlots(count: number): { take(): Promise<void>; leave(): void } {
  const line: (() => void)[] = []
  let free = count
  return {
    async take() {
      if (free > 0) free -= 1
      else await new Promise<void>(resolve => line.push(resolve))
    },
    leave() {
      const next = line.shift()
      if (next) next()
      else free += 1
    },
  }
}
