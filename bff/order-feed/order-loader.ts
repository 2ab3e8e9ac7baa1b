// Loads the states of changed orders: once for all that need them, and again until it succeeds.
import { AsyncLocalStorage } from 'node:async_hooks'
import { Semaphore } from 'es-toolkit/promise'
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
import { fullJitter, pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

export type Detail = 'page' | 'summary'

/** A state must contain everything about the order up to `required`, and what any process had told up to `since`. */
export type LoadRequest = {
  readonly required: PositionVector
  readonly since: Positions
  readonly detail: Detail
  /** The trace context of the event that made the state necessary. */
  readonly traceparent?: string | undefined
}

export type OrderLoader<Order> = {
  /**
   * Resolves to the order with everything that is requested, or newer. A state that was loaded before is used if it
   * contains that; a load that is running is used if its state will; requests that arrive meanwhile share the next load.
   * A load that fails is tried again with growing pauses. Resolves to undefined when the order is missing time and again,
   * when it alone cannot be read while others can, and when `signal` aborts. Never rejects.
   */
  load(orderId: string, request: LoadRequest): Promise<Order | undefined>
  /** Begins a load that will be needed soon, unless many loads are running already. */
  preload(orderId: string, request: LoadRequest): void
}

type OrderLoaderOptions<Order extends object> = {
  /** Returns the order with everything that `observed` covers by now, and with everything up to `required`. */
  readonly read: (orderId: string, required: PositionVector, detail: Detail) => Promise<Order | undefined>
  readonly observed: () => Positions
  /** Returns the least detail that a load asks for: the page of an order that somebody watches. */
  readonly detailOf: (orderId: string) => Detail
  /** Called with every state that was loaded. */
  readonly onLoad: (orderId: string, order: Order) => void
  /** The longest pause between attempts. */
  readonly longestPauseMs: number
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** States kept for subscribers that are slow or resume. They are the very objects of the BFF's cache. */
const MAX_LOADED = 1_000
const MAX_CONCURRENT_READS = 200
/** About three seconds of pauses. */
const MAX_ATTEMPTS = 7
const FIRST_RETRY_MS = 50

/** A state that contains everything about the order up to `contains`. */
type LoadedOrder<Order> = { readonly order: Order; readonly contains: Positions; readonly detail: Detail }

/** One load. More can be required of it until it begins; `contains` is what its state will surely contain. */
type Load<Order> = {
  required: PositionVector
  since: Positions
  contains: Positions
  detail: Detail
  traceparent: string | undefined
  readonly outcome: PromiseWithResolvers<Order | undefined>
}

/** The load of an order that is running, and the one that follows it. */
type Queue<Order> = { current: Load<Order>; next: Load<Order> | undefined }

type State<Order extends object> = OrderLoaderOptions<Order> & {
  readonly loaded: LRUCache<string, LoadedOrder<Order>>
  readonly queues: Map<string, Queue<Order>>
  readonly reads: Semaphore
  successes: number
  /** A load outlasts the subscription that begins it, so it must not run under that subscription's span. */
  readonly inOwnContext: <Result>(run: () => Result) => Result
}

export function createOrderLoader<Order extends object>(
  options: OrderLoaderOptions<Order>,
): OrderLoader<Order> {
  const state: State<Order> = {
    ...options,
    loaded: new LRUCache({ max: MAX_LOADED }),
    queues: new Map(),
    reads: new Semaphore(MAX_CONCURRENT_READS),
    successes: 0,
    inOwnContext: AsyncLocalStorage.snapshot(),
  }
  return {
    load: (orderId, request) => load(state, orderId, request),
    preload(orderId, request) {
      const { queues } = state
      if (queues.size < MAX_CONCURRENT_READS || queues.has(orderId)) void load(state, orderId, request)
    },
  }
}

function load<Order extends object>(
  state: State<Order>,
  orderId: string,
  request: LoadRequest,
): Promise<Order | undefined> {
  const loaded = state.loaded.get(orderId)
  if (loaded && satisfies(loaded, request)) return Promise.resolve(loaded.order)
  const queue = state.queues.get(orderId)
  if (!queue) return startQueue(state, orderId, request)
  if (satisfies(queue.current, request)) return queue.current.outcome.promise
  queue.next = queue.next ? extendLoad(queue.next, request) : createLoad(request)
  return queue.next.outcome.promise
}

function satisfies(
  { contains, detail }: Pick<LoadedOrder<unknown>, 'contains' | 'detail'>,
  request: LoadRequest,
): boolean {
  if (request.detail === 'page' && detail === 'summary') return false
  return covers(contains, request.since) && covers(contains, positionsOf(request.required))
}

function createLoad<Order>({ required, since, detail, traceparent }: LoadRequest): Load<Order> {
  return { required, since, contains: START, detail, traceparent, outcome: Promise.withResolvers() }
}

function extendLoad<Order>(load: Load<Order>, request: LoadRequest): Load<Order> {
  load.required = mergePositions(load.required, request.required)
  load.since = maxPositions(load.since, request.since)
  if (request.detail === 'page') load.detail = 'page'
  load.traceparent = request.traceparent ?? load.traceparent
  return load
}

function startQueue<Order extends object>(
  state: State<Order>,
  orderId: string,
  request: LoadRequest,
): Promise<Order | undefined> {
  const queue: Queue<Order> = { current: createLoad(request), next: undefined }
  state.queues.set(orderId, queue)
  const { promise } = queue.current.outcome
  void state.inOwnContext(() => runQueue(state, orderId, queue))
  return promise
}

async function runQueue<Order extends object>(
  state: State<Order>,
  orderId: string,
  queue: Queue<Order>,
): Promise<void> {
  for (;;) {
    const running = queue.current
    beginLoad(state, orderId, running)
    const order = await readUntilSuccess(state, orderId, running)
    if (order) keep(state, orderId, { order, contains: running.contains, detail: running.detail })
    const { next } = queue
    if (next) {
      queue.current = next
      queue.next = undefined
    } else state.queues.delete(orderId)
    running.outcome.resolve(order)
    if (!next) return
  }
}

/**
 * Every read contains what this process has received; what only another process has received must be required. That
 * includes what was required before: otherwise a subscriber ahead of this process would cost a further read per event.
 */
function beginLoad<Order extends object>(
  { observed, loaded, detailOf }: State<Order>,
  orderId: string,
  load: Load<Order>,
): void {
  const positions = observed()
  const since = maxPositions(load.since, loaded.peek(orderId)?.contains ?? START)
  load.required = mergePositions(load.required, vectorBeyond(since, positions))
  load.contains = maxPositions(positions, positionsOf(load.required))
  if (detailOf(orderId) === 'page') load.detail = 'page'
}

function keep<Order extends object>(
  { loaded, onLoad }: State<Order>,
  orderId: string,
  state: LoadedOrder<Order>,
): void {
  loaded.set(orderId, state)
  onLoad(orderId, state.order)
}

/** Waits out an outage, but gives up on an order that alone is missing, or cannot be read while others can. */
async function readUntilSuccess<Order extends object>(
  state: State<Order>,
  orderId: string,
  load: Load<Order>,
): Promise<Order | undefined> {
  const { logger, longestPauseMs, signal } = state
  const successesBefore = state.successes
  let ownFailures = 0
  for (let attempt = 1; !signal.aborted; attempt++) {
    const { order, error } = await readOnce(state, orderId, load)
    if (order) {
      state.successes += 1
      return order
    }
    if (error === undefined || state.successes > successesBefore) ownFailures += 1
    if (ownFailures === MAX_ATTEMPTS) {
      logger.error(
        { err: error, orderId },
        'changed order cannot be read, its state is left out of the change',
      )
      return undefined
    }
    const pauseMs = Math.round(fullJitter(attempt, FIRST_RETRY_MS, longestPauseMs))
    if (attempt === 1)
      logger.warn({ err: error, orderId, pauseMs }, 'changed order could not be read, retrying')
    await pauseUnlessAborted(pauseMs, signal)
  }
  return undefined
}

async function readOnce<Order extends object>(
  { read, reads }: State<Order>,
  orderId: string,
  { required, detail, traceparent }: Load<Order>,
): Promise<{ readonly order?: Order | undefined; readonly error?: unknown }> {
  await reads.acquire()
  try {
    const attributes = { 'waybill.order.id': orderId }
    const order = await inSpan('push order', { parent: traceparent, kind: 'producer', attributes }, () =>
      read(orderId, required, detail),
    )
    return { order }
  } catch (error) {
    return { error }
  } finally {
    reads.release()
  }
}
