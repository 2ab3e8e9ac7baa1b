// A named consumer: owns its checkpoint by lease, follows the log, or stands by for the owner. Free of what is handled.
import { v7 } from 'uuid'
import { type Checkpoint, createCheckpoint } from '#platform/event-store/checkpoint.ts'
import type { Delivery } from '#platform/event-store/delivery.ts'
import { ConsumerStopped, deliverEvent, deliverEvents } from '#platform/event-store/delivery.ts'
import type { Consumer, ConsumerOptions, LogRange } from '#platform/event-store/event-store.ts'
import type { LogTail } from '#platform/event-store/log-tail.ts'
import {
  deleteDeadLetter,
  parkEvents,
  readNextReplay,
  readParkedEvents,
  readParkedStreams,
  recordFailedReplay,
} from '#platform/event-store/postgres/dead-letters.ts'
import type { Lease } from '#platform/event-store/postgres/lease.ts'
import {
  acquireLease,
  confirmYield,
  LEASE_MS,
  LeaseLost,
  moveCheckpoint,
  RENEW_MS,
  readConsumerProgress,
  releaseLease,
  renewLease,
} from '#platform/event-store/postgres/lease.ts'
import type { LogReader, LogSlice } from '#platform/event-store/postgres/log-reader.ts'
import type { Topic, Wakeups } from '#platform/event-store/postgres/notifications.ts'
import type { Sessions } from '#platform/event-store/postgres/sessions.ts'
import { createThrottledWriter } from '#platform/event-store/throttled-writer.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, jittered } from '#platform/resilience/backoff.ts'

export type ConsumerPorts = {
  readonly sessions: Sessions
  readonly log: LogReader
  readonly tail: LogTail
  readonly wakeups: Wakeups
  readonly logger: StoreLogger | undefined
}

/** How long the loop waits for a wake-up before it looks by itself. */
const POLL_MS = 1_000
/** How often a process that is not the owner looks at the checkpoint while somebody waits for it. */
const WATCH_MS = 25
/** A lease is used only while this much of it is left. */
const MARGIN_MS = 500
/** The least time between two writes of a checkpoint: what processes that are not the owner see lags by this. */
const CHECKPOINT_MS = 50
const REPLAY_BATCH = 100
const BATCH = 500
const ATTEMPTS = 5

/** What one consumer of this process knows, shared by its parts. */
type Self = ConsumerPorts & {
  readonly options: ConsumerOptions
  readonly id: string
  readonly topic: Topic
  readonly wakeSignal: ReturnType<typeof createWakeSignal>
  readonly progress: Checkpoint
  readonly closing: AbortController
  owner: boolean
  /** Set when the database may hold events that the tail of this process does not know of. */
  mustRead: boolean
  deadLetters: number
  lastError: string | undefined
}

/** One time of being the owner. */
type Tenure = {
  readonly self: Self
  readonly lease: Lease
  readonly parked: Map<string, number>
  lost: boolean
  renewedAt: number
}

/** Starts the consumer; resolves when it knows whether it is the owner. */
export async function startConsumer(ports: ConsumerPorts, options: ConsumerOptions): Promise<Consumer> {
  const self = createSelf(ports, options)
  const { wakeSignal, progress, closing, topic } = self
  const stops = [
    ports.wakeups.listen('events', elsewhere => {
      if (elsewhere) self.mustRead = true
      wakeSignal.notify()
    }),
    ports.wakeups.listen(topic, wakeSignal.notify),
    options.behind?.onProgress(wakeSignal.notify) ?? (() => {}),
  ]
  const first = Promise.withResolvers<void>()
  const running = run(self, first.resolve)
  await first.promise

  return {
    reached: progress.reached,
    onProgress: progress.onProgress,
    status: () => ({
      name: options.name,
      owner: self.owner,
      checkpoint: progress.position(),
      deadLetters: self.deadLetters,
      ...(self.lastError !== undefined && { lastError: self.lastError }),
    }),
    async [Symbol.asyncDispose]() {
      closing.abort()
      wakeSignal.notify()
      for (const stop of stops) stop()
      await running
      progress.close()
    },
  }
}

function createSelf(ports: ConsumerPorts, options: ConsumerOptions): Self {
  const self: Self = {
    ...ports,
    options,
    id: v7(),
    topic: `consumer ${options.name}`,
    wakeSignal: createWakeSignal(),
    progress: createCheckpoint(() => void watch()),
    closing: new AbortController(),
    owner: false,
    mustRead: true,
    deadLetters: 0,
    lastError: undefined,
  }
  let watching = false
  /** Looks at the owner's checkpoint as long as somebody here waits for it. */
  async function watch(): Promise<void> {
    if (watching) return
    watching = true
    while (self.progress.isAwaited() && !self.closing.signal.aborted) {
      if (!self.owner) await lookAtOwner(self)
      await new Promise(resolve => setTimeout(resolve, jittered(WATCH_MS)))
    }
    watching = false
  }
  return self
}

async function lookAtOwner(self: Self): Promise<void> {
  try {
    const { checkpoint, deadLetters } = await readConsumerProgress(self.sessions, self.options.name)
    if (self.owner) return
    self.progress.set(checkpoint)
    self.deadLetters = deadLetters
  } catch (error) {
    noteFailure(self, error)
  }
}

async function run(self: Self, onFirstLook: () => void): Promise<void> {
  let failures = 0
  while (!self.closing.signal.aborted) {
    try {
      const taken = await acquireLease(self.sessions, self.options.name, self.id)
      if (taken) await own(self, taken, onFirstLook)
      else await lookAtOwner(self)
      failures = 0
    } catch (error) {
      noteFailure(self, error)
      failures += 1
    }
    onFirstLook()
    if (failures > 0) await pauseUnlessClosing(fullJitter(failures, 100, 5_000), self.closing.signal)
    else if (!self.closing.signal.aborted) await self.wakeSignal.wait(jittered(POLL_MS))
  }
}

function noteFailure(self: Self, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  if (message !== self.lastError)
    self.logger?.warn({ err: error, consumer: self.options.name }, 'a consumer failed and tries again')
  self.lastError = message
}

async function own(
  self: Self,
  { lease, checkpoint }: { lease: Lease; checkpoint: number },
  onOwned: () => void,
): Promise<void> {
  const parked = await readParkedStreams(self.sessions, lease.consumer)
  const tenure: Tenure = { self, lease, parked, lost: false, renewedAt: performance.now() }
  const stopListening = self.wakeups.listen(self.topic, () => void renew(tenure))
  const renewing = setInterval(() => void renew(tenure), RENEW_MS)
  self.owner = true
  self.progress.set(checkpoint)
  try {
    await countDeadLetters(self)
    onOwned()
    await self.options.onOwner?.(checkpoint)
    await follow(tenure)
  } catch (error) {
    if (!(error instanceof ConsumerStopped)) throw error
  } finally {
    clearInterval(renewing)
    stopListening()
    self.owner = false
    self.options.onLost?.()
    await giveUp(tenure)
  }
}

/** Frees the lease for a standby, or tells whoever took it that this process has stopped. */
async function giveUp({ self, lease }: Tenure): Promise<void> {
  try {
    const checkpoint = self.progress.position()
    if (!(await releaseLease(self.sessions, lease, checkpoint)))
      await confirmYield(self.sessions, lease, checkpoint)
    self.wakeups.notify(self.topic)
  } catch (error) {
    noteFailure(self, error) // the lease runs out by itself
  }
}

async function renew(tenure: Tenure): Promise<void> {
  const startedAt = performance.now()
  try {
    if (await renewLease(tenure.self.sessions, tenure.lease)) tenure.renewedAt = startedAt
    else {
      tenure.lost = true
      tenure.self.wakeSignal.notify()
    }
  } catch {
    // the database is away: the lease is used only while it is surely valid
  }
}

/** Throws Stopping when closing, LeaseLost when this process is no longer surely the owner. */
async function ensureOwner(tenure: Tenure): Promise<void> {
  if (tenure.self.closing.signal.aborted) throw new ConsumerStopped()
  if (performance.now() - tenure.renewedAt > LEASE_MS - MARGIN_MS) await renew(tenure)
  if (tenure.lost || performance.now() - tenure.renewedAt > LEASE_MS - MARGIN_MS)
    throw new LeaseLost(tenure.lease.consumer)
}

async function follow(tenure: Tenure): Promise<never> {
  const { self } = tenure
  const delivery = deliveryOf(tenure)
  const spacing = self.options.spacingMs ?? 0
  let begunAt = Number.NEGATIVE_INFINITY
  const checkpoints = createThrottledWriter<number>(CHECKPOINT_MS, checkpoint => move(tenure, checkpoint))
  try {
    for (;;) {
      await ensureOwner(tenure)
      if (tenure.parked.size > 0) await replayMarked(tenure, delivery)
      await pauseUnlessClosing(begunAt + spacing - performance.now(), self.closing.signal)
      begunAt = performance.now()
      const stretch = await readNext(self)
      if (stretch.scannedTo <= self.progress.position()) {
        if (!(await self.wakeSignal.wait(jittered(POLL_MS)))) self.mustRead = true
        continue
      }
      if (stretch.events.length > 0) await deliverEvents(delivery, stretch.events)
      self.lastError = undefined
      self.progress.set(stretch.scannedTo)
      checkpoints.offer(stretch.scannedTo)
    }
  } finally {
    await checkpoints.stop()
  }
}

/** The checkpoint may lag behind the work: after a crash the events past it are handled again. */
async function move(tenure: Tenure, checkpoint: number): Promise<void> {
  const startedAt = performance.now()
  try {
    if (await moveCheckpoint(tenure.self.sessions, tenure.lease, checkpoint)) tenure.renewedAt = startedAt
    else tenure.lost = true
  } catch (error) {
    noteFailure(tenure.self, error) // written again with the next one, and when the lease is given up
  }
  if (tenure.lost) tenure.self.wakeSignal.notify()
}

/** From what this process wrote itself, unless others may have written too. */
async function readStretch(self: Self, range: LogRange): Promise<LogSlice> {
  const known = self.mustRead ? undefined : self.tail.read(range)
  if (known) return known
  self.mustRead = false
  try {
    return await self.log.readSlice(range)
  } catch (error) {
    self.mustRead = true
    throw error
  }
}

/** The next events, as far as the consumer that this one stays behind has come. */
async function readNext(self: Self): Promise<LogSlice> {
  const { options, progress, log } = self
  const after = progress.position()
  const { behind, categories, batchSize: limit = BATCH } = options
  const bound = behind ? await boundOf(behind, after, log) : Number.MAX_SAFE_INTEGER
  if (bound <= after) return { events: [], scannedTo: after }
  const stretch = await readStretch(self, { after, limit, ...(categories && { categories }) })
  if (stretch.scannedTo <= bound) return stretch
  return { events: stretch.events.filter(({ position }) => position <= bound), scannedTo: bound }
}

/** How far `behind` is. Of an owner elsewhere we hear only while we wait, so a wait is begun when the log goes on. */
async function boundOf(behind: Consumer, after: number, log: LogReader): Promise<number> {
  const { owner, checkpoint } = behind.status()
  if (!owner && checkpoint <= after && (await log.head()) > after) void behind.reached(after + 1, POLL_MS)
  return checkpoint
}

function deliveryOf(tenure: Tenure): Delivery {
  const { self, lease, parked } = tenure
  return {
    handle: self.options.handle,
    attempts: self.options.attempts ?? ATTEMPTS,
    parked,
    async park(events, parking) {
      await parkEvents(self.sessions, lease, events, parking)
      self.logger?.error(
        { consumer: lease.consumer, positions: events.map(({ position }) => position), error: parking.error },
        'events were parked as dead letters',
      )
      await countDeadLetters(self)
    },
    async isStoreAway() {
      return self.sessions.soft('SELECT 1').then(
        () => false,
        () => true,
      )
    },
    async pause(ms) {
      await pauseUnlessClosing(ms, self.closing.signal)
      await ensureOwner(tenure)
    },
    onFailure: error => noteFailure(self, error),
  }
}

async function countDeadLetters(self: Self): Promise<void> {
  self.deadLetters = (await readConsumerProgress(self.sessions, self.options.name)).deadLetters
}

function pauseUnlessClosing(ms: number, closing: AbortSignal): Promise<void> {
  if (ms <= 0) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      closing.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    closing.addEventListener('abort', done)
    if (closing.aborted) done()
  })
}

/** Gives the marked streams' parked events to the handler again, in order, up to the first that fails. */
async function replayMarked(tenure: Tenure, delivery: Delivery): Promise<void> {
  const { self, lease, parked } = tenure
  for (;;) {
    const stream = await readNextReplay(self.sessions, lease.consumer)
    if (stream === undefined) return
    if (await replayStream(tenure, delivery, stream)) parked.delete(stream)
    await countDeadLetters(self)
  }
}

async function replayStream(
  { self, lease, parked }: Tenure,
  delivery: Delivery,
  stream: string,
): Promise<boolean> {
  for (;;) {
    const letters = await readParkedEvents(self.sessions, lease.consumer, stream, REPLAY_BATCH)
    for (const letter of letters) {
      const failure = await deliverEvent(delivery, letter.event)
      if (failure) {
        await recordFailedReplay(self.sessions, lease, letter, failure)
        parked.set(stream, letter.event.position)
        return false
      }
      await deleteDeadLetter(self.sessions, lease, letter.event.position)
    }
    if (letters.length === 0) return true
  }
}
