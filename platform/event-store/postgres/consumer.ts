// Runs a named consumer: owns its checkpoint by lease and handles the log's events, or stands by for the owner.
import { v7 } from 'uuid'
import { type Checkpoint, createCheckpoint } from '#platform/event-store/checkpoint.ts'
import {
  ConsumerStopped,
  type Delivery,
  deliverEvent,
  deliverEvents,
} from '#platform/event-store/delivery.ts'
import type { Consumer, ConsumerOptions, LogSlice } from '#platform/event-store/event-store.ts'
import {
  countDeadLetters,
  deleteDeadLetter,
  parkEvents,
  readNextReplay,
  readParkedEvents,
  readParkedStreams,
  recordFailedReplay,
} from '#platform/event-store/postgres/dead-letters.ts'
import {
  acquireLease,
  confirmYield,
  LEASE_MS,
  LeaseLost,
  releaseLease,
} from '#platform/event-store/postgres/lease.ts'
import {
  type ConsumerNews,
  type HeldLease,
  type LeaseKeeper,
  type SavedCheckpoint,
  storablePosition,
} from '#platform/event-store/postgres/lease-keeper.ts'
import type { LogCache } from '#platform/event-store/postgres/log-cache.ts'
import type { Sessions, StoreNotifications } from '#platform/event-store/postgres/sessions.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import {
  createWakeSignal,
  fullJitter,
  pauseUnlessAborted,
  type WakeSignal,
} from '#platform/resilience/backoff.ts'

type ConsumerDependencies = {
  readonly sessions: Sessions
  readonly log: LogCache
  readonly keeper: LeaseKeeper
  readonly notifications: StoreNotifications
  readonly logger: StoreLogger | undefined
}

/** A lease is used only while this much of it is left. */
const LEASE_MARGIN_MS = 500
/** How long one look at the progress of an owner elsewhere lasts. */
const LOOK_MS = 1_000
const REPLAY_BATCH = 100
const BATCH = 500
const ATTEMPTS = 5

/** The state of one consumer in this process. */
type ConsumerState = ConsumerDependencies & {
  readonly options: ConsumerOptions
  readonly id: string
  readonly topic: `consumer ${string}`
  readonly wakeSignal: WakeSignal
  readonly checkpoint: Checkpoint
  readonly saved: SavedCheckpoint
  readonly closing: AbortController
  owner: boolean
  /** True when the lease was free at the last news of another owner. */
  isFree: boolean
  /** True when parked events may be marked for another try. */
  isReplayMarked: boolean
  deadLetters: number
  lastError: string | undefined
}

/** One period of being the owner. */
type Ownership = {
  readonly consumer: ConsumerState
  readonly held: HeldLease
  readonly parked: Map<string, number>
  /** The checkpoint before the events that are being handled. A lower one shows that the consumer was rewound. */
  after: number
}

/** Starts the consumer; resolves when it knows whether it is the owner. */
export async function startConsumer(
  dependencies: ConsumerDependencies,
  options: ConsumerOptions,
): Promise<Consumer> {
  const consumer = createState(dependencies, options)
  const { wakeSignal, checkpoint, closing, topic } = consumer
  const stops = [
    dependencies.log.onAppended(wakeSignal.notify),
    // The keeper reports a failure itself, and tries again.
    dependencies.notifications.listen(topic, () => void dependencies.keeper.renew().catch(() => {})),
    dependencies.keeper.watch({
      consumer: options.name,
      onNews: news => noteNews(consumer, news),
      isUrgent: () => !consumer.owner && checkpoint.isAwaited(),
    }),
    options.behind?.onProgress(wakeSignal.notify) ?? (() => {}),
  ]
  const started = Promise.withResolvers<void>()
  const running = run(consumer, started.resolve)
  await started.promise

  return {
    reached: checkpoint.reached,
    onProgress: checkpoint.onProgress,
    rewind: position => rewind(consumer, position),
    status: () => ({
      name: options.name,
      owner: consumer.owner,
      checkpoint: checkpoint.position(),
      deadLetters: consumer.deadLetters,
      ...(consumer.lastError !== undefined && { lastError: consumer.lastError }),
    }),
    async [Symbol.asyncDispose]() {
      closing.abort()
      wakeSignal.notify()
      for (const stop of stops) stop()
      await running
      checkpoint.close()
    },
  }
}

function createState(dependencies: ConsumerDependencies, options: ConsumerOptions): ConsumerState {
  const checkpoint = createCheckpoint(dependencies.keeper.hasWork)
  const { safePosition: safe = () => Number.POSITIVE_INFINITY } = options
  const consumer: ConsumerState = {
    ...dependencies,
    options,
    id: v7(),
    topic: `consumer ${options.name}`,
    wakeSignal: createWakeSignal(),
    checkpoint,
    saved: {
      handled: checkpoint.position,
      safe,
      stored: 0,
      floor: 0,
      onLost: position => rewind(consumer, position),
    },
    closing: new AbortController(),
    owner: false,
    isFree: false,
    isReplayMarked: false,
    deadLetters: 0,
    lastError: undefined,
  }
  return consumer
}

function rewind(consumer: ConsumerState, position: number): void {
  const { saved, checkpoint, keeper, wakeSignal } = consumer
  if (!consumer.owner || position >= checkpoint.position()) return
  saved.floor = Math.min(saved.floor, position)
  checkpoint.set(position)
  keeper.hasWork()
  wakeSignal.notify()
}

function noteNews(consumer: ConsumerState, { checkpoint, isFree, deadLetters }: ConsumerNews): void {
  if (consumer.owner) {
    if (!deadLetters?.isReplayMarked) return
    consumer.isReplayMarked = true
  } else {
    consumer.checkpoint.set(checkpoint)
    if (deadLetters) consumer.deadLetters = deadLetters.count
    consumer.isFree = isFree
    if (!isFree) return
  }
  consumer.wakeSignal.notify()
}

async function run(consumer: ConsumerState, onStarted: () => void): Promise<void> {
  let failures = 0
  while (!consumer.closing.signal.aborted) {
    try {
      const sentAt = performance.now()
      const acquired = await acquireLease(consumer.sessions, consumer.options.name, consumer.id)
      if (acquired) await runAsOwner(consumer, { ...acquired, renewedAt: sentAt }, onStarted)
      else await standBy(consumer, onStarted)
      failures = 0
    } catch (error) {
      reportFailure(consumer, error)
      failures += 1
    }
    onStarted()
    if (failures > 0) await pauseUnlessAborted(fullJitter(failures, 100, 5_000), consumer.closing.signal)
  }
}

/** Resolves when the lease is free, and when the consumer closes. */
async function standBy(consumer: ConsumerState, onKnown: () => void): Promise<void> {
  consumer.isFree = false
  await consumer.keeper.renew()
  onKnown()
  while (!consumer.isFree && !consumer.closing.signal.aborted) await consumer.wakeSignal.wait()
}

/** Logs a failure once, however often it repeats. */
function reportFailure(consumer: ConsumerState, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  if (message !== consumer.lastError)
    consumer.logger?.warn({ err: error, consumer: consumer.options.name }, 'consumer failed, retrying')
  consumer.lastError = message
}

async function runAsOwner(
  consumer: ConsumerState,
  { lease, checkpoint, renewedAt }: Pick<HeldLease, 'lease' | 'renewedAt'> & { readonly checkpoint: number },
  onOwned: () => void,
): Promise<void> {
  const parked = await readParkedStreams(consumer.sessions, lease.consumer)
  const held: HeldLease = {
    lease,
    checkpoint: Object.assign(consumer.saved, { stored: checkpoint, floor: checkpoint }),
    onLost: consumer.wakeSignal.notify,
    renewedAt,
    isLost: false,
  }
  const ownership: Ownership = { consumer, held, parked, after: checkpoint }
  consumer.owner = true
  consumer.isReplayMarked = parked.size > 0
  consumer.checkpoint.set(checkpoint)
  const stopHolding = consumer.keeper.hold(held)
  try {
    consumer.deadLetters = parked.size > 0 ? await countDeadLetters(consumer.sessions, lease.consumer) : 0
    onOwned()
    await consumer.options.onOwner?.(checkpoint)
    await handleLog(ownership)
  } catch (error) {
    if (!(error instanceof ConsumerStopped)) throw error
  } finally {
    stopHolding()
    consumer.owner = false
    consumer.options.onLost?.()
    await release(ownership)
  }
}

/** Releases the lease for a standby, or confirms to whoever took it that this process has stopped. */
async function release({ consumer, held }: Ownership): Promise<void> {
  try {
    const checkpoint = { position: storablePosition(consumer.saved), stored: consumer.saved.stored }
    if (!(await releaseLease(consumer.sessions, held.lease, checkpoint)))
      await confirmYield(consumer.sessions, held.lease, checkpoint)
    consumer.notifications.notify(consumer.topic)
  } catch (error) {
    reportFailure(consumer, error) // the lease runs out by itself
  }
}

/** Throws ConsumerStopped when closing, LeaseLost when this process is no longer surely the owner. */
async function ensureOwner({ consumer, held }: Ownership): Promise<void> {
  if (consumer.closing.signal.aborted) throw new ConsumerStopped()
  const isSure = () => !held.isLost && performance.now() - held.renewedAt < LEASE_MS - LEASE_MARGIN_MS
  if (isSure()) return
  await consumer.keeper.renew().catch(() => {}) // the keeper reports it
  if (!isSure()) throw new LeaseLost(held.lease.consumer)
}

async function handleLog(ownership: Ownership): Promise<never> {
  const { consumer } = ownership
  const delivery = createDelivery(ownership)
  const spacing = consumer.options.spacingMs ?? 0
  let startedAt = Number.NEGATIVE_INFINITY
  for (;;) {
    await ensureOwner(ownership)
    ownership.after = consumer.checkpoint.position()
    if (consumer.isReplayMarked) await replayMarked(ownership, delivery)
    await pauseUnlessAborted(startedAt + spacing - performance.now(), consumer.closing.signal)
    startedAt = performance.now()
    const slice = await readNext(consumer)
    if (slice.scannedTo <= consumer.checkpoint.position()) {
      await consumer.wakeSignal.wait()
      continue
    }
    if (!(await deliverSlice(ownership, delivery, slice))) continue
    consumer.lastError = undefined
    consumer.checkpoint.set(slice.scannedTo)
    // The stored checkpoint may lag behind the work: after a crash the events past it are handled again.
    consumer.keeper.hasWork()
  }
}

/** Resolves to false when the consumer was rewound meanwhile. */
async function deliverSlice(
  ownership: Ownership,
  delivery: Delivery,
  { events }: LogSlice,
): Promise<boolean> {
  try {
    if (events.length > 0) await deliverEvents(delivery, events)
  } catch (error) {
    if (!isRewound(ownership)) throw error
  }
  return !isRewound(ownership)
}

function isRewound({ consumer, after }: Ownership): boolean {
  return consumer.checkpoint.position() < after
}

/** Reads the next events, up to the checkpoint of the consumer that this one stays behind. */
async function readNext(consumer: ConsumerState): Promise<LogSlice> {
  const { options, checkpoint, log } = consumer
  const after = checkpoint.position()
  const { behind, categories, batchSize: limit = BATCH } = options
  const bound = behind ? await readBound(consumer, behind, after) : Number.MAX_SAFE_INTEGER
  if (bound <= after) return { events: [], scannedTo: after }
  const slice = await log.readLog({ after, limit, ...(categories && { categories }) })
  if (slice.scannedTo <= bound) return slice
  return { events: slice.events.filter(({ position }) => position <= bound), scannedTo: bound }
}

/** Returns the checkpoint of `behind`. That of an owner elsewhere is read only during a wait, so one begins when the log goes on. */
async function readBound(
  { log, wakeSignal }: ConsumerState,
  behind: Consumer,
  after: number,
): Promise<number> {
  const { owner, checkpoint } = behind.status()
  if (!owner && checkpoint <= after && (await log.readLog({ after, limit: 1 })).scannedTo > after)
    void behind.reached(after + 1, LOOK_MS).then(wakeSignal.notify)
  return checkpoint
}

function createDelivery(ownership: Ownership): Delivery {
  const { consumer, held, parked } = ownership
  const { lease } = held
  return {
    handle: consumer.options.handle,
    attempts: consumer.options.attempts ?? ATTEMPTS,
    parked,
    async park(events, reason) {
      await parkEvents(consumer.sessions, lease, { events, reason })
      consumer.logger?.error(
        { consumer: lease.consumer, positions: events.map(({ position }) => position), error: reason.error },
        'events parked as dead letters, consumer goes on without them',
      )
      consumer.deadLetters = await countDeadLetters(consumer.sessions, lease.consumer)
    },
    async isStoreAway() {
      return consumer.sessions.soft('SELECT 1').then(
        () => false,
        () => true,
      )
    },
    async pause(ms) {
      await pauseUnlessAborted(ms, consumer.closing.signal)
      await ensureOwner(ownership)
      if (isRewound(ownership)) throw new ConsumerStopped()
    },
    onFailure: error => reportFailure(consumer, error),
  }
}

/** Gives the marked streams' parked events to the handler again, in order, up to the first that fails. */
async function replayMarked(ownership: Ownership, delivery: Delivery): Promise<void> {
  const { consumer, held, parked } = ownership
  const { sessions, options } = consumer
  consumer.isReplayMarked = false
  for (;;) {
    const stream = await readNextReplay(sessions, options.name)
    if (stream === undefined) return
    if (await replayStream(ownership, delivery, stream)) parked.delete(stream)
    consumer.deadLetters = await countDeadLetters(sessions, held.lease.consumer)
  }
}

async function replayStream(
  { consumer, held, parked }: Ownership,
  delivery: Delivery,
  stream: string,
): Promise<boolean> {
  const { sessions } = consumer
  const { lease } = held
  for (;;) {
    const letters = await readParkedEvents(sessions, lease.consumer, { stream, limit: REPLAY_BATCH })
    for (const letter of letters) {
      const failure = await deliverEvent(delivery, letter.event)
      if (failure) {
        await recordFailedReplay(sessions, lease, { letter, failure })
        parked.set(stream, letter.event.position)
        return false
      }
      await deleteDeadLetter(sessions, lease, letter.event.position)
    }
    if (letters.length === 0) return true
  }
}
