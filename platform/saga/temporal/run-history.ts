// The part of a saga's history outside its current run: read, folded, and extended when a run closes.
import { LRUCache } from 'lru-cache'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import type { HistoryReducer, SagaProgress } from '#platform/saga/history.ts'
import { streamOf } from '#platform/saga/streams.ts'
import type { RunEvent, RunOrigin } from '#platform/saga/temporal/messages.ts'

type ClosedHistory<State> = {
  readonly events: readonly RecordedEvent[]
  readonly commandIds: ReadonlySet<string>
  readonly progress: SagaProgress<State>
}

export type RunHistory<State> = {
  /** Returns the origin of the saga's next run. */
  origin(sagaId: string): Promise<RunOrigin>
  /** Returns the events before `base`, which never change. */
  read(sagaId: string, base: RunOrigin): Promise<ClosedHistory<State>>
  /** Appends a run's events durably, once for one `base`, and returns the origin of the run after it. */
  append(sagaId: string, base: RunOrigin, events: readonly RunEvent[]): Promise<RunOrigin>
  /** Returns a run's events as the reducer takes them, after `base`. */
  recorded(sagaId: string, base: RunOrigin, events: readonly RunEvent[]): RecordedEvent[]
}

type ClosedRun = { readonly inherited: number; readonly events: readonly RunEvent[] }

type Self<State> = {
  readonly store: EventStore
  readonly saga: string
  readonly reducer: HistoryReducer<State>
  readonly cache: LRUCache<string, ClosedHistory<State>>
}

const MAX_CACHED = 1_000
const START: RunOrigin = { inherited: 0, runs: 0, version: 0, position: 0 }

/**
 * Closed runs of `<saga>-<id>` are events of the stream `<saga>Runs-<id>`, each with the run's events. What the event
 * store's runner wrote to `<saga>-<id>` before the first run comes before them.
 */
export function createRunHistory<State>(
  store: EventStore,
  saga: string,
  reducer: HistoryReducer<State>,
): RunHistory<State> {
  const self: Self<State> = { store, saga, reducer, cache: new LRUCache({ max: MAX_CACHED }) }
  return {
    origin: sagaId => readOrigin(self, sagaId),
    read: (sagaId, base) => read(self, sagaId, base),
    append: (sagaId, base, events) => append(self, sagaId, { base, events }),
    recorded: (sagaId, base, events) => asRecorded(streamOf(saga, sagaId), base, events),
  }
}

async function readOrigin<State>(self: Self<State>, sagaId: string): Promise<RunOrigin> {
  const runs = await readRuns(self, sagaId)
  const count = runs[0]?.inherited
  const inherited = count === 0 ? [] : await readInherited(self, sagaId, count)
  return runs.reduce((base, { events }) => after(base, events.length), afterInherited(inherited))
}

async function read<State>(
  self: Self<State>,
  sagaId: string,
  base: RunOrigin,
): Promise<ClosedHistory<State>> {
  if (base.version === 0) return { events: [], commandIds: new Set(), progress: self.reducer.initial }
  const key = `${sagaId} ${base.version}`
  const history = self.cache.get(key) ?? (await load(self, sagaId, base))
  self.cache.set(key, history)
  return history
}

async function load<State>(
  self: Self<State>,
  sagaId: string,
  base: RunOrigin,
): Promise<ClosedHistory<State>> {
  const [inherited, runs] = await Promise.all([
    base.inherited === 0 ? [] : readInherited(self, sagaId, base.inherited),
    base.runs === 0 ? [] : readRuns(self, sagaId, base.runs),
  ])
  const own = runs.flatMap(run => run.events)
  const events = [...inherited, ...asRecorded(streamOf(self.saga, sagaId), afterInherited(inherited), own)]
  return {
    events,
    commandIds: new Set([
      ...inherited.flatMap(event => inheritedCommands(sagaId, event)),
      ...own.map(run => run.commandId),
    ]),
    progress: self.reducer.replay(events),
  }
}

async function readRuns<State>(self: Self<State>, sagaId: string, upTo?: number): Promise<ClosedRun[]> {
  const stream = runsStream(self.saga, sagaId)
  return (await self.store.readStream(stream, upTo === undefined ? {} : { upTo })).map(toRun)
}

function readInherited<State>(
  { store, saga }: Self<State>,
  sagaId: string,
  upTo?: number,
): Promise<RecordedEvent[]> {
  return store.readStream(streamOf(saga, sagaId), upTo === undefined ? {} : { upTo })
}

/** Throws OperatorError SAGA_RUN_LOST when another run was closed at the same `base`. */
async function append<State>(
  { store, saga }: Self<State>,
  sagaId: string,
  { base, events }: { readonly base: RunOrigin; readonly events: readonly RunEvent[] },
): Promise<RunOrigin> {
  const stream = runsStream(saga, sagaId)
  const data = { inherited: base.inherited, events: events.map(event => ({ ...event })) }
  const result = await store.append({
    writes: [{ stream, expected: base.runs, events: [{ type: 'RunClosed', data }] }],
    command: { id: `${sagaId}:run:${base.version}`, fingerprint: 'RunClosed', outcome: null },
  })
  if (result.status === 'conflict')
    throw new OperatorError('SAGA_RUN_LOST', `saga ${sagaId} was closed by another run: ${stream}`)
  return after(base, events.length)
}

function runsStream(saga: string, sagaId: string): StreamId {
  return `${saga}Runs-${sagaId}`
}

function asRecorded(stream: StreamId, base: RunOrigin, events: readonly RunEvent[]): RecordedEvent[] {
  return events.map(({ commandId, at, ...event }, index) => ({
    ...event,
    stream,
    version: base.version + index + 1,
    position: base.position + index + 1,
    recordedAt: at,
  }))
}

/** Returns the commands that an event of the event store's runner stands for: itself, and the input that caused it. */
function inheritedCommands(sagaId: string, { id, meta: { causationId } }: RecordedEvent): string[] {
  const own = inheritedId(id)
  return causationId === undefined ? [own] : [own, `${sagaId}:input:${causationId}`]
}

/** Returns the command under which an event of the event store's runner arrives. */
export function inheritedId(eventId: string): string {
  return `event:${eventId}`
}

function afterInherited(events: readonly RecordedEvent[]): RunOrigin {
  const last = events.at(-1)
  if (!last) return START
  return { inherited: events.length, runs: 0, version: events.length, position: last.position }
}

function after(base: RunOrigin, events: number): RunOrigin {
  return {
    inherited: base.inherited,
    runs: base.runs + 1,
    version: base.version + events,
    position: base.position + events,
  }
}

/** The data is what `append` wrote. */
function toRun({ data }: RecordedEvent): ClosedRun {
  return data as Json as unknown as ClosedRun
}
