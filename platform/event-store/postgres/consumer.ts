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
  type Lease,
  LeaseLost,
  RENEW_MS,
  readConsumerProgress,
  releaseLease,
  renewLease,
} from '#platform/event-store/postgres/lease.ts'
import type { LogCache } from '#platform/event-store/postgres/log-cache.ts'
import type { Sessions, StoreNotifications } from '#platform/event-store/postgres/sessions.ts'
import { createThrottledWriter } from '#platform/event-store/throttled-writer.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import {
  createWakeSignal,
  fullJitter,
  jittered,
  pauseUnlessAborted,
  type WakeSignal,
} from '#platform/resilience/backoff.ts'

type ConsumerDependencies = {
  readonly sessions: Sessions
  readonly log: LogCache
  readonly notifications: StoreNotifications
  readonly logger: StoreLogger | undefined
}

/** How long the loop waits for a notification before it polls. */
const POLL_MS = 1_000
/** How often a process that is not the owner reads the checkpoint while somebody waits for it. */
const STANDBY_POLL_MS = 25
/** A lease is used only while this much of it is left. */
const LEASE_MARGIN_MS = 500
/** The least time between two writes of a checkpoint: what processes that are not the owner see lags by this. */
const CHECKPOINT_MS = 50
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
  readonly closing: AbortController
  owner: boolean
  deadLetters: number
  lastError: string | undefined
}

/** One period of being the owner. */
type Ownership = {
  readonly consumer: ConsumerState
  readonly lease: Lease
  readonly parked: Map<string, number>
  lost: boolean
  renewedAt: number
  /** The checkpoint as it is in the database, or as it was sent there. */
  stored: number
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
    dependencies.notifications.listen(topic, wakeSignal.notify),
    options.behind?.onProgress(wakeSignal.notify) ?? (() => {}),
  ]
  const started = Promise.withResolvers<void>()
  const running = run(consumer, started.resolve)
  await started.promise

  return {
    reached: checkpoint.reached,
    onProgress: checkpoint.onProgress,
    rewind(position) {
      if (!consumer.owner || position >= checkpoint.position()) return
      checkpoint.set(position)
      wakeSignal.notify()
    },
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
  const consumer: ConsumerState = {
    ...dependencies,
    options,
    id: v7(),
    topic: `consumer ${options.name}`,
    wakeSignal: createWakeSignal(),
    checkpoint: createCheckpoint(() => void pollOwner()),
    closing: new AbortController(),
    owner: false,
    deadLetters: 0,
    lastError: undefined,
  }
  let isPolling = false
  /** Reads the owner's checkpoint as long as somebody in this process waits for it. */
  async function pollOwner(): Promise<void> {
    if (isPolling) return
    isPolling = true
    while (consumer.checkpoint.isAwaited() && !consumer.closing.signal.aborted) {
      if (!consumer.owner) await readOwnerProgress(consumer)
      await new Promise(resolve => setTimeout(resolve, jittered(STANDBY_POLL_MS)))
    }
    isPolling = false
  }
  return consumer
}

async function readOwnerProgress(consumer: ConsumerState): Promise<void> {
  try {
    const progress = await readConsumerProgress(consumer.sessions, consumer.options.name)
    if (consumer.owner) return
    consumer.checkpoint.set(progress.checkpoint)
    consumer.deadLetters = progress.deadLetters
  } catch (error) {
    reportFailure(consumer, error)
  }
}

async function run(consumer: ConsumerState, onStarted: () => void): Promise<void> {
  let failures = 0
  while (!consumer.closing.signal.aborted) {
    try {
      const acquired = await acquireLease(consumer.sessions, consumer.options.name, consumer.id)
      if (acquired) await runAsOwner(consumer, acquired, onStarted)
      else await readOwnerProgress(consumer)
      failures = 0
    } catch (error) {
      reportFailure(consumer, error)
      failures += 1
    }
    onStarted()
    if (failures > 0) await pauseUnlessAborted(fullJitter(failures, 100, 5_000), consumer.closing.signal)
    else if (!consumer.closing.signal.aborted) await consumer.wakeSignal.wait(jittered(POLL_MS))
  }
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
  { lease, checkpoint }: { readonly lease: Lease; readonly checkpoint: number },
  onOwned: () => void,
): Promise<void> {
  const parked = await readParkedStreams(consumer.sessions, lease.consumer)
  const ownership: Ownership = {
    consumer,
    lease,
    parked,
    lost: false,
    renewedAt: performance.now(),
    stored: checkpoint,
    after: checkpoint,
  }
  const stopListening = consumer.notifications.listen(consumer.topic, () => void renew(ownership))
  const renewing = setInterval(() => void renew(ownership), RENEW_MS)
  consumer.owner = true
  consumer.checkpoint.set(checkpoint)
  try {
    await countDeadLetters(consumer)
    onOwned()
    await consumer.options.onOwner?.(checkpoint)
    await handleLog(ownership)
  } catch (error) {
    if (!(error instanceof ConsumerStopped)) throw error
  } finally {
    clearInterval(renewing)
    stopListening()
    consumer.owner = false
    consumer.options.onLost?.()
    await release(ownership)
  }
}

/** Releases the lease for a standby, or confirms to whoever took it that this process has stopped. */
async function release(ownership: Ownership): Promise<void> {
  const { consumer, lease } = ownership
  try {
    const checkpoint = storablePosition(ownership)
    if (!(await releaseLease(consumer.sessions, lease, checkpoint)))
      await confirmYield(consumer.sessions, lease, checkpoint)
    consumer.notifications.notify(consumer.topic)
  } catch (error) {
    reportFailure(consumer, error) // the lease runs out by itself
  }
}

async function renew(ownership: Ownership): Promise<void> {
  const startedAt = performance.now()
  try {
    if (await renewLease(ownership.consumer.sessions, ownership.lease)) ownership.renewedAt = startedAt
    else {
      ownership.lost = true
      ownership.consumer.wakeSignal.notify()
    }
  } catch {
    // the database is away: the lease is used only while it is surely valid
  }
}

/** Throws ConsumerStopped when closing, LeaseLost when this process is no longer surely the owner. */
async function ensureOwner(ownership: Ownership): Promise<void> {
  if (ownership.consumer.closing.signal.aborted) throw new ConsumerStopped()
  if (performance.now() - ownership.renewedAt > LEASE_MS - LEASE_MARGIN_MS) await renew(ownership)
  if (ownership.lost || performance.now() - ownership.renewedAt > LEASE_MS - LEASE_MARGIN_MS)
    throw new LeaseLost(ownership.lease.consumer)
}

async function handleLog(ownership: Ownership): Promise<never> {
  const { consumer } = ownership
  const delivery = createDelivery(ownership)
  const spacing = consumer.options.spacingMs ?? 0
  let startedAt = Number.NEGATIVE_INFINITY
  let isRunning = true
  const checkpoints = createThrottledWriter<void>(CHECKPOINT_MS, async () => {
    await saveCheckpoint(ownership)
    if (isRunning && ownership.stored < consumer.checkpoint.position()) checkpoints.offer()
  })
  try {
    for (;;) {
      await ensureOwner(ownership)
      ownership.after = consumer.checkpoint.position()
      if (ownership.parked.size > 0) await replayMarked(ownership, delivery)
      await pauseUnlessAborted(startedAt + spacing - performance.now(), consumer.closing.signal)
      startedAt = performance.now()
      const slice = await readNext(consumer)
      if (slice.scannedTo <= consumer.checkpoint.position()) {
        await consumer.wakeSignal.wait(jittered(POLL_MS))
        continue
      }
      if (!(await deliverSlice(ownership, delivery, slice))) continue
      consumer.lastError = undefined
      consumer.checkpoint.set(slice.scannedTo)
      checkpoints.offer()
    }
  } finally {
    isRunning = false
    await checkpoints.stop()
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

/** The stored checkpoint may lag behind the work: after a crash the events past it are handled again. */
async function saveCheckpoint(ownership: Ownership): Promise<void> {
  const { consumer, lease } = ownership
  const position = storablePosition(ownership)
  if (position === ownership.stored) return
  const startedAt = performance.now()
  try {
    if (await renewLease(consumer.sessions, lease, position)) {
      ownership.renewedAt = startedAt
      ownership.stored = position
    } else ownership.lost = true
  } catch (error) {
    reportFailure(consumer, error) // written again with the next one, and when the lease is released
  }
  if (ownership.lost) consumer.wakeSignal.notify()
}

/** Returns what was handled, but not past the consumer's safe position, and never less than what is stored already. */
function storablePosition({ consumer, stored }: Ownership): number {
  const safe = consumer.options.safePosition?.() ?? Number.POSITIVE_INFINITY
  return Math.max(stored, Math.min(consumer.checkpoint.position(), safe))
}

/** Reads the next events, up to the checkpoint of the consumer that this one stays behind. */
async function readNext(consumer: ConsumerState): Promise<LogSlice> {
  const { options, checkpoint, log } = consumer
  const after = checkpoint.position()
  const { behind, categories, batchSize: limit = BATCH } = options
  const bound = behind ? await readBound(behind, after, log) : Number.MAX_SAFE_INTEGER
  if (bound <= after) return { events: [], scannedTo: after }
  const slice = await log.readLog({ after, limit, ...(categories && { categories }) })
  if (slice.scannedTo <= bound) return slice
  return { events: slice.events.filter(({ position }) => position <= bound), scannedTo: bound }
}

/** Returns the checkpoint of `behind`. An owner elsewhere is polled only during a wait, so one begins when the log goes on. */
async function readBound(behind: Consumer, after: number, log: LogCache): Promise<number> {
  const { owner, checkpoint } = behind.status()
  if (!owner && checkpoint <= after && (await log.readLog({ after, limit: 1 })).scannedTo > after)
    void behind.reached(after + 1, POLL_MS)
  return checkpoint
}

function createDelivery(ownership: Ownership): Delivery {
  const { consumer, lease, parked } = ownership
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
      await countDeadLetters(consumer)
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

async function countDeadLetters(consumer: ConsumerState): Promise<void> {
  const { deadLetters } = await readConsumerProgress(consumer.sessions, consumer.options.name)
  consumer.deadLetters = deadLetters
}

/** Gives the marked streams' parked events to the handler again, in order, up to the first that fails. */
async function replayMarked(ownership: Ownership, delivery: Delivery): Promise<void> {
  const { consumer, lease, parked } = ownership
  for (;;) {
    const stream = await readNextReplay(consumer.sessions, lease.consumer)
    if (stream === undefined) return
    if (await replayStream(ownership, delivery, stream)) parked.delete(stream)
    await countDeadLetters(consumer)
  }
}

async function replayStream(
  { consumer, lease, parked }: Ownership,
  delivery: Delivery,
  stream: string,
): Promise<boolean> {
  const { sessions } = consumer
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
