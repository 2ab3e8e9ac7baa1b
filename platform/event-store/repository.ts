// Handles commands on aggregates: loads the state, decides, appends, and retries on conflict.
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type {
  Aggregate,
  AggregateEvent,
  CommandContext,
  CommandOutcome,
  DecisionContext,
  DomainEvent,
  HandledCommand,
  Repository,
  Stage,
  Transition,
  VersionedState,
} from '#platform/event-store/aggregate.ts'
import { type Codec, createCodec } from '#platform/event-store/codec.ts'
import {
  type CommandAnswer,
  isReplaceable,
  repeatedResult,
  toCommandRecord,
} from '#platform/event-store/command-record.ts'
import type {
  EventStore,
  NewEvent,
  RecordedEvent,
  StreamId,
  StreamRange,
  StreamWrite,
} from '#platform/event-store/event-store.ts'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

/** States kept in memory per repository. */
const MAX_STATES = 2_000
const ATTEMPTS = 10
const FIRST_RETRY_MS = 5
const LAST_RETRY_MS = 250

type StatesById<State> = ReadonlyMap<string, State>

type Command<State, Event extends DomainEvent, R extends Refusal> = {
  readonly ids: readonly string[]
  readonly context: CommandContext | DecisionContext
  readonly decide: (states: StatesById<State>) => Decision<AggregateEvent<Event>, R>
  readonly outcome: CommandOutcome<StatesById<State>, AggregateEvent<Event>>
}

type DecidedCommand<State, Event extends DomainEvent, R extends Refusal> = {
  /** The states and versions that it was decided on. */
  readonly read: ReadonlyMap<string, VersionedState<State>>
  readonly before: StatesById<State>
  readonly decision: Decision<AggregateEvent<Event>, R>
}

/** `knownAt` is a position of the store up to which no event of the aggregate is missing. */
type CachedState<State> = VersionedState<State> & { readonly knownAt?: number | undefined }

/** The state of one repository. */
type RepositoryContext<State, Event extends DomainEvent> = {
  readonly store: EventStore
  readonly aggregate: Aggregate<State, Event>
  readonly codec: Codec<Event>
  readonly cache: LRUCache<string, CachedState<State>>
  readonly logger: Pick<Logger, 'warn'> | undefined
}

/** Runs the commands on one aggregate one after another in this process; other processes are met by retry on conflict. */
export function createRepository<State, Event extends DomainEvent>(
  store: EventStore,
  aggregate: Aggregate<State, Event>,
  { logger }: { readonly logger?: Pick<Logger, 'warn'> } = {},
): Repository<State, Event> {
  const codec = createCodec(aggregate)
  const queue = createKeyedQueue()
  const repository: RepositoryContext<State, Event> = {
    store,
    aggregate,
    codec,
    cache: new LRUCache<string, CachedState<State>>({ max: MAX_STATES }),
    logger,
  }
  return {
    load: id => refresh(repository, id),
    loadKnown: async id => knownState(repository, id) ?? refresh(repository, id),
    loadWhile: async (id, holds) => foldWhile(repository, await readEvents(repository, id), holds),
    async history(id) {
      return (await readEvents(repository, id)).flatMap(recorded => {
        const event = codec.decode(recorded)
        return event ? [{ event, recorded }] : []
      })
    },
    async findResult(context) {
      const recorded = await store.findCommand(context.key)
      return !recorded || isReplaceable(context, recorded) ? undefined : repeatedResult(context, recorded)
    },
    handle: (id, context, decide, outcome = null) =>
      queue.run([id], async () => {
        const command = {
          ids: [id],
          context,
          decide: (states: StatesById<State>) => withId(id, decide(stateOf(states, id))),
          outcome: outcomeOfOne(id, outcome),
        }
        return resultOfOne(id, await handle(repository, command))
      }),
    handleMany: (ids, context, decide, outcome = null) =>
      queue.run(ids, () => handle(repository, { ids: [...new Set(ids)], context, decide, outcome })),
    stage: id => stage(repository, id),
  }
}

function withId<Event, R extends Refusal>(
  id: string,
  decision: Decision<Event, R>,
): Decision<AggregateEvent<Event>, R> {
  return 'refused' in decision ? decision : { accepted: decision.accepted.map(event => ({ id, event })) }
}

function outcomeOfOne<State, Event>(
  id: string,
  outcome: CommandOutcome<State, Event>,
): CommandOutcome<StatesById<State>, AggregateEvent<Event>> {
  if (typeof outcome !== 'function') return outcome
  return (events, states) =>
    outcome(
      events.map(({ event }) => event),
      stateOf(states, id),
    )
}

function resultOfOne<State, Event, R extends Refusal>(
  id: string,
  handled: HandledCommand<R, StatesById<State>, AggregateEvent<Event>>,
): HandledCommand<R, State, Event> {
  if (handled.repeated) return handled
  const before = stateOf(handled.before, id)
  return {
    ...handled,
    before,
    events: handled.events.map(({ event }) => event),
    state: stateOf(handled.state, id),
  }
}

function stateOf<State>(states: StatesById<State>, id: string): State {
  if (!states.has(id)) throw new RangeError(`${id} is not among the command's aggregates`)
  return states.get(id) as State // which may be a state that is `undefined`
}

function streamOf({ category }: { readonly category: string }, id: string): StreamId {
  return `${category}-${id}`
}

function readEvents<State, Event extends DomainEvent>(
  { store, aggregate }: RepositoryContext<State, Event>,
  id: string,
  range?: StreamRange,
): Promise<RecordedEvent[]> {
  return store.readStream(streamOf(aggregate, id), range)
}

function fold<State, Event extends DomainEvent>(
  { aggregate, codec }: RepositoryContext<State, Event>,
  events: readonly RecordedEvent[],
  from: VersionedState<State> = { state: aggregate.initial, version: 0 },
): VersionedState<State> {
  let { state, version } = from
  for (const recorded of events) {
    const event = codec.decode(recorded)
    if (event) state = aggregate.evolve(state, event)
    version = recorded.version
  }
  return { state, version }
}

function foldWhile<State, Event extends DomainEvent>(
  repository: RepositoryContext<State, Event>,
  events: readonly RecordedEvent[],
  holds: (state: State) => boolean,
): VersionedState<State> {
  let current: VersionedState<State> = { state: repository.aggregate.initial, version: 0 }
  for (const recorded of events) {
    const next = fold(repository, [recorded], current)
    if (!holds(next.state)) return current
    current = next
  }
  return current
}

/** Returns the cached state if nobody has written to it since. It is then known to be current a while longer. */
function knownState<State, Event extends DomainEvent>(
  { store, aggregate, cache }: RepositoryContext<State, Event>,
  id: string,
): VersionedState<State> | undefined {
  const cached = cache.get(id)
  const known = store.known()
  if (cached?.knownAt === undefined || !known?.isUnwritten(streamOf(aggregate, id), cached.knownAt))
    return undefined
  cache.set(id, { ...cached, knownAt: known.head })
  return cached
}

/**
 * Brings the cached state, or else the snapshot, up to date from the store. A stream whose snapshot is of an earlier schema
 * is read as a whole, so that one that took many events is saved for the next load.
 */
async function refresh<State, Event extends DomainEvent>(
  repository: RepositoryContext<State, Event>,
  id: string,
): Promise<VersionedState<State>> {
  const knownAt = repository.store.known()?.head
  const base = repository.cache.get(id) ?? (await loadSnapshot(repository, id))
  const tail = await readEvents(repository, id, { after: base?.version ?? 0 })
  const current = fold(repository, tail, base)
  const cached = repository.cache.peek(id)
  if (current.version > 0 && (!cached || cached.version <= current.version))
    repository.cache.set(id, { ...current, knownAt })
  if (tail.length >= snapshotEvery(repository)) saveSnapshot(repository, id, current)
  return current
}

function snapshotEvery<State, Event extends DomainEvent>({
  aggregate,
}: RepositoryContext<State, Event>): number {
  return aggregate.snapshot?.every ?? Number.POSITIVE_INFINITY
}

async function loadSnapshot<State, Event extends DomainEvent>(
  { store, aggregate }: RepositoryContext<State, Event>,
  id: string,
): Promise<VersionedState<State> | undefined> {
  if (!aggregate.snapshot) return undefined
  const saved = await store.loadSnapshot(streamOf(aggregate, id), aggregate.snapshot.schema)
  // A snapshot that was saved under this schema has this shape.
  return saved && { state: saved.state as State, version: saved.version }
}

async function handle<State, Event extends DomainEvent, R extends Refusal>(
  repository: RepositoryContext<State, Event>,
  command: Command<State, Event, R>,
): Promise<HandledCommand<R, StatesById<State>, AggregateEvent<Event>>> {
  const { ids, context } = command
  const { append = repository.store.append } = context
  const named = 'key' in context ? context : undefined
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const decided =
      attempt === 0 && context.creates
        ? decideOnInitial(repository, command)
        : await decideOnCurrent(repository, command)
    const transition = transitionOf(repository, decided)
    const answer = answerOf(command, decided.decision, transition)
    if (!named && transition.events.length === 0)
      return { ...answer, position: await repository.store.head(), repeated: false, ...transition }
    const result = await append({
      writes: writesOf(repository, decided.read, transition.events),
      ...(named && { command: toCommandRecord(named, answer) }),
      ...(context.meta && { meta: context.meta }),
    })
    if (result.status === 'appended') {
      advance(repository, decided.read, transition, result.position)
      return { ...answer, position: result.position, repeated: false, ...transition }
    }
    if (named && result.status === 'repeated') {
      if (!isReplaceable(named, result)) return repeatedResult(named, result)
      await repository.store.forgetCommand(named.key, result.fingerprint)
      continue
    }
    for (const id of ids) repository.cache.delete(id)
    await delay(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS))
  }
  throw new CallerError(
    'UNAVAILABLE',
    `${ids.join(', ')}: others changed it ${ATTEMPTS} times in a row. Try again.`,
  )
}

async function stage<State, Event extends DomainEvent>(
  repository: RepositoryContext<State, Event>,
  id: string,
): Promise<Stage<State, Event>> {
  const { aggregate, codec, cache } = repository
  const read = await readStates(repository, [id], 'cached')
  const before = new Map([...read].map(([key, { state }]) => [key, state]))
  const events: AggregateEvent<Event>[] = []
  const written: NewEvent[] = []
  let state = stateOf(before, id)
  return {
    decide(decide, meta) {
      const decision = decide(state)
      for (const event of 'accepted' in decision ? decision.accepted : []) {
        state = aggregate.evolve(state, event)
        events.push({ id, event })
        written.push({ ...codec.encode(event), meta })
      }
      return decision
    },
    write: () => ({ stream: streamOf(aggregate, id), expected: read.get(id)?.version ?? 0, events: written }),
    settle(isAppended) {
      if (isAppended) advance(repository, read, { before, events, state: new Map([[id, state]]) })
      else cache.delete(id)
    },
  }
}

/** If the aggregate does exist, the append finds a conflict, and the command is decided on its current state. */
function decideOnInitial<State, Event extends DomainEvent, R extends Refusal>(
  { aggregate }: RepositoryContext<State, Event>,
  command: Command<State, Event, R>,
): DecidedCommand<State, Event, R> {
  const initial = { state: aggregate.initial, version: 0 }
  return decideOn(command, new Map(command.ids.map(id => [id, initial])))
}

/** A stale cached state is found out when events are appended. Any other decision is made on states read for it. */
async function decideOnCurrent<State, Event extends DomainEvent, R extends Refusal>(
  repository: RepositoryContext<State, Event>,
  command: Command<State, Event, R>,
): Promise<DecidedCommand<State, Event, R>> {
  const isFresh = !command.ids.some(id => repository.cache.has(id))
  const decided = decideOn(command, await readStates(repository, command.ids, 'cached'))
  const { decision } = decided
  const isWritten = 'accepted' in decision && decision.accepted.length > 0
  if (isWritten || isFresh) return decided
  return decideOn(command, await readStates(repository, command.ids, 'stored'))
}

function decideOn<State, Event extends DomainEvent, R extends Refusal>(
  { decide }: Command<State, Event, R>,
  read: ReadonlyMap<string, VersionedState<State>>,
): DecidedCommand<State, Event, R> {
  const before = new Map([...read].map(([id, { state }]) => [id, state]))
  return { read, before, decision: decide(before) }
}

async function readStates<State, Event extends DomainEvent>(
  repository: RepositoryContext<State, Event>,
  ids: readonly string[],
  which: 'cached' | 'stored',
): Promise<ReadonlyMap<string, VersionedState<State>>> {
  const entries = ids.map(async id => {
    const cached = which === 'cached' ? repository.cache.get(id) : undefined
    return [id, cached ?? (await refresh(repository, id))] as const
  })
  return new Map(await Promise.all(entries))
}

function transitionOf<State, Event extends DomainEvent, R extends Refusal>(
  { aggregate }: RepositoryContext<State, Event>,
  { before, decision }: DecidedCommand<State, Event, R>,
): Transition<StatesById<State>, AggregateEvent<Event>> {
  const events = 'accepted' in decision ? decision.accepted : []
  if (events.length === 0) return { before, events, state: before }
  const state = new Map(before)
  for (const { id, event } of events) state.set(id, aggregate.evolve(stateOf(state, id), event))
  return { before, events, state }
}

function answerOf<State, Event extends DomainEvent, R extends Refusal>(
  { outcome }: Command<State, Event, R>,
  decision: Decision<AggregateEvent<Event>, R>,
  { events, state }: Transition<StatesById<State>, AggregateEvent<Event>>,
): CommandAnswer<R> {
  if ('refused' in decision) return { status: 'refused', refusal: decision.refused }
  return { status: 'accepted', outcome: typeof outcome === 'function' ? outcome(events, state) : outcome }
}

/** One write per aggregate: one that gets no events must still be as it was when the others were decided. */
function writesOf<State, Event extends DomainEvent>(
  { aggregate, codec }: RepositoryContext<State, Event>,
  read: ReadonlyMap<string, VersionedState<State>>,
  accepted: readonly AggregateEvent<Event>[],
): StreamWrite[] {
  if (accepted.length === 0) return []
  return [...read].map(([id, { version }]) => ({
    stream: streamOf(aggregate, id),
    expected: version,
    events: accepted.filter(of => of.id === id).map(({ event }) => codec.encode(event)),
  }))
}

/** Caches the states as they are after the append, and saves the snapshots that are due. */
function advance<State, Event extends DomainEvent>(
  repository: RepositoryContext<State, Event>,
  read: ReadonlyMap<string, VersionedState<State>>,
  { events, state }: Transition<StatesById<State>, AggregateEvent<Event>>,
  knownAt?: number,
): void {
  const every = snapshotEvery(repository)
  for (const [id, { version }] of read) {
    const count = events.filter(of => of.id === id).length
    if (count === 0) continue
    const after = { state: stateOf(state, id), version: version + count }
    repository.cache.set(id, { ...after, knownAt })
    if (Math.floor(after.version / every) > Math.floor(version / every)) saveSnapshot(repository, id, after)
  }
}

/** Nobody waits for it: a snapshot that is missing only makes the next load longer. */
function saveSnapshot<State, Event extends DomainEvent>(
  { store, aggregate, logger }: RepositoryContext<State, Event>,
  id: string,
  { state, version }: VersionedState<State>,
): void {
  const stream = streamOf(aggregate, id)
  const schema = aggregate.snapshot?.schema ?? 1
  // An aggregate that asks for snapshots has a state that is plain JSON.
  store
    .saveSnapshot(stream, { version, schema, state: state as Json })
    .catch(err => logger?.warn({ err, stream }, 'snapshot not saved, the next load replays more events'))
}
