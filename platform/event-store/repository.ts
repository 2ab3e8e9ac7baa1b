// Runs deciders on the event store: load, decide, append, retry on conflict; with cached states and snapshots. Free of any driver.
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type {
  Aggregate,
  CommandContext,
  CreateRepository,
  DomainEvent,
  EventOf,
  Handled,
  Loaded,
  Outcome,
} from '#platform/event-store/aggregate.ts'
import { type Codec, createCodec } from '#platform/event-store/codec.ts'
import type {
  AppendResult,
  EventStore,
  RecordedEvent,
  StreamId,
  StreamRange,
  StreamWrite,
} from '#platform/event-store/event-store.ts'
import { fingerprint } from '#platform/event-store/fingerprint.ts'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

/** States kept in memory per repository. */
const MAX_STATES = 2_000
const TRIES = 10
const FIRST_RETRY_MS = 5
const LAST_RETRY_MS = 250

/** One aggregate as a command sees it. `fresh` when it was read from the store for this command. */
type Seen<State> = { readonly state: State; readonly version: number; readonly fresh: boolean }

type Command<State, Event extends DomainEvent, R extends Refusal> = {
  readonly ids: readonly string[]
  readonly context: CommandContext
  readonly decide: (states: ReadonlyMap<string, State>) => Decision<EventOf<Event>, R>
  readonly outcome: Outcome<EventOf<Event>>
}

/** What the parts of one repository share. */
type Desk<State, Event extends DomainEvent> = {
  readonly store: EventStore
  readonly aggregate: Aggregate<State, Event>
  readonly codec: Codec<Event>
  readonly states: LRUCache<string, Loaded<State>>
  readonly onSnapshotFailed: (error: unknown, stream: StreamId) => void
}

/** Commands on one aggregate go one after another in this process; other processes are met by retry on conflict. */
export const createRepository: CreateRepository = (store, aggregate, options = {}) => {
  const codec = createCodec(aggregate)
  const queue = createKeyedQueue()
  const desk = {
    store,
    aggregate,
    codec,
    states: new LRUCache<string, Loaded<typeof aggregate.initial>>({ max: MAX_STATES }),
    onSnapshotFailed: (error: unknown, stream: StreamId) =>
      options.logger?.warn({ err: error, stream }, 'a snapshot was not saved'),
  }
  return {
    load: id => refresh(desk, id),
    loadWhile: async (id, holds) => foldWhile(desk, await read(desk, id), holds),
    async history(id) {
      return (await read(desk, id)).flatMap(recorded => {
        const event = codec.decode(recorded)
        return event ? [{ event, recorded }] : []
      })
    },
    async answered(context) {
      const first = await store.findCommand(context.key)
      if (!first || isMended(context, first)) return undefined
      return repeatedAnswer(context, { status: 'repeated', ...first })
    },
    handle: (id, context, decide, outcome = null) =>
      queue.run([id], () =>
        handle(desk, {
          ids: [id],
          context,
          decide: states => named(id, decide(stateOf(states, id))),
          outcome: events =>
            typeof outcome === 'function' ? outcome(events.map(({ event }) => event)) : outcome,
        }),
      ),
    handleMany: (ids, context, decide, outcome = null) =>
      queue.run(ids, () => handle(desk, { ids: [...new Set(ids)], context, decide, outcome })),
  }
}

function named<Event, R extends Refusal>(
  id: string,
  decision: Decision<Event, R>,
): Decision<EventOf<Event>, R> {
  return 'refused' in decision ? decision : { accepted: decision.accepted.map(event => ({ id, event })) }
}

function stateOf<State>(states: ReadonlyMap<string, State>, id: string): State {
  if (!states.has(id)) throw new RangeError(`${id} is not among the command's aggregates`)
  return states.get(id) as State // which may be a state that is `undefined`
}

function streamOf(desk: { aggregate: { category: string } }, id: string): StreamId {
  return `${desk.aggregate.category}-${id}`
}

function read<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  id: string,
  range?: StreamRange,
): Promise<RecordedEvent[]> {
  return desk.store.readStream(streamOf(desk, id), range)
}

function fold<State, Event extends DomainEvent>(
  { aggregate, codec }: Desk<State, Event>,
  events: readonly RecordedEvent[],
  from: Loaded<State> = { state: aggregate.initial, version: 0 },
): Loaded<State> {
  let { state, version } = from
  for (const recorded of events) {
    const event = codec.decode(recorded)
    if (event) state = aggregate.evolve(state, event)
    version = recorded.version
  }
  return { state, version }
}

function foldWhile<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  events: readonly RecordedEvent[],
  holds: (state: State) => boolean,
): Loaded<State> {
  let loaded: Loaded<State> = { state: desk.aggregate.initial, version: 0 }
  for (const recorded of events) {
    const next = fold(desk, [recorded], loaded)
    if (!holds(next.state)) return loaded
    loaded = next
  }
  return loaded
}

/** The cached state, or else the snapshot, brought up to date from the store. */
async function refresh<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  id: string,
): Promise<Loaded<State>> {
  const base = desk.states.get(id) ?? (await fromSnapshot(desk, id))
  const tail = await read(desk, id, { after: base?.version ?? 0 })
  const loaded = fold(desk, tail, base)
  remember(desk, id, loaded)
  return loaded
}

async function fromSnapshot<State, Event extends DomainEvent>(
  { store, aggregate }: Desk<State, Event>,
  id: string,
): Promise<Loaded<State> | undefined> {
  if (!aggregate.snapshot) return undefined
  const saved = await store.loadSnapshot(streamOf({ aggregate }, id), aggregate.snapshot.schema)
  // What was saved under this schema was a state of this shape.
  return saved && { state: saved.state as State, version: saved.version }
}

function remember<State>(
  { states }: { states: LRUCache<string, Loaded<State>> },
  id: string,
  loaded: Loaded<State>,
): void {
  const known = states.peek(id)
  if (loaded.version > 0 && (!known || known.version < loaded.version)) states.set(id, loaded)
}

async function handle<State, Event extends DomainEvent, R extends Refusal>(
  desk: Desk<State, Event>,
  command: Command<State, Event, R>,
): Promise<Handled<R>> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const { seen, decision } =
      attempt === 0 && command.context.creates ? decideOnNew(desk, command) : await decideOn(desk, command)
    const result = await append(desk, command, seen, decision)
    if (result.status === 'repeated' && isMended(command.context, result)) {
      await desk.store.forgetCommand(command.context.key, result.fingerprint)
      continue
    }
    if (result.status !== 'conflict') {
      if (result.status === 'appended' && 'accepted' in decision) advance(desk, seen, decision.accepted)
      return answer(command, decision, result)
    }
    for (const id of command.ids) desk.states.delete(id)
    await delay(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS))
  }
  throw new CallerError(
    'UNAVAILABLE',
    `${command.ids.join(', ')}: others changed it ${TRIES} times in a row. Try again.`,
  )
}

/** Should there be something after all, the append finds a conflict, and the command is decided on what is there. */
function decideOnNew<State, Event extends DomainEvent, R extends Refusal>(
  { aggregate }: Desk<State, Event>,
  { ids, decide }: Command<State, Event, R>,
): { seen: ReadonlyMap<string, Seen<State>>; decision: Decision<EventOf<Event>, R> } {
  const seen = new Map(ids.map(id => [id, { state: aggregate.initial, version: 0, fresh: true }]))
  return { seen, decision: decide(statesOf(seen)) }
}

/** Cached states may be old. That is found out when events are appended; before anything else is said, they are read. */
async function decideOn<State, Event extends DomainEvent, R extends Refusal>(
  desk: Desk<State, Event>,
  command: Command<State, Event, R>,
): Promise<{ seen: ReadonlyMap<string, Seen<State>>; decision: Decision<EventOf<Event>, R> }> {
  const seen = await look(desk, command.ids, 'cached')
  const decision = command.decide(statesOf(seen))
  const isWritten = 'accepted' in decision && decision.accepted.length > 0
  if (isWritten || [...seen.values()].every(({ fresh }) => fresh)) return { seen, decision }
  const again = await look(desk, command.ids, 'stored')
  return { seen: again, decision: command.decide(statesOf(again)) }
}

async function look<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  ids: readonly string[],
  which: 'cached' | 'stored',
): Promise<ReadonlyMap<string, Seen<State>>> {
  const entries = ids.map(async (id): Promise<[string, Seen<State>]> => {
    const cached = which === 'cached' ? desk.states.get(id) : undefined
    return [id, cached ? { ...cached, fresh: false } : { ...(await refresh(desk, id)), fresh: true }]
  })
  return new Map(await Promise.all(entries))
}

function statesOf<State>(seen: ReadonlyMap<string, Seen<State>>): ReadonlyMap<string, State> {
  return new Map([...seen].map(([id, { state }]) => [id, state]))
}

function append<State, Event extends DomainEvent, R extends Refusal>(
  desk: Desk<State, Event>,
  { context, outcome }: Command<State, Event, R>,
  seen: ReadonlyMap<string, Seen<State>>,
  decision: Decision<EventOf<Event>, R>,
): Promise<AppendResult> {
  const accepted = 'accepted' in decision ? decision.accepted : []
  const told: Json =
    'refused' in decision
      ? { refused: decision.refused }
      : { accepted: typeof outcome === 'function' ? outcome(accepted) : outcome }
  return desk.store.append({
    writes: accepted.length > 0 ? writesOf(desk, seen, accepted) : [],
    command: { id: context.key, fingerprint: fingerprint(context.body), outcome: told },
    ...(context.meta && { meta: context.meta }),
  })
}

/** A write for each aggregate: one that gets no events must still be as it was when the others were decided. */
function writesOf<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  seen: ReadonlyMap<string, Seen<State>>,
  accepted: readonly EventOf<Event>[],
): StreamWrite[] {
  const stranger = accepted.find(({ id }) => !seen.has(id))
  if (stranger) throw new RangeError(`${stranger.id} is not among the command's aggregates`)
  return [...seen].map(([id, { version }]) => ({
    stream: streamOf(desk, id),
    expected: version,
    events: accepted.filter(of => of.id === id).map(({ event }) => desk.codec.encode(event)),
  }))
}

/** Remembers the states as they are after the append, and saves the snapshots that are due. */
function advance<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  seen: ReadonlyMap<string, Seen<State>>,
  accepted: readonly EventOf<Event>[],
): void {
  const { aggregate, states } = desk
  for (const [id, before] of seen) {
    const events = accepted.filter(of => of.id === id)
    const state = events.reduce((folded, { event }) => aggregate.evolve(folded, event), before.state)
    const after = { state, version: before.version + events.length }
    if (events.length > 0) states.set(id, after)
    const every = aggregate.snapshot?.every ?? Number.POSITIVE_INFINITY
    if (Math.floor(after.version / every) > Math.floor(before.version / every)) saveSnapshot(desk, id, after)
  }
}

/** Nobody waits for it: a snapshot that is missing only makes the next load longer. */
function saveSnapshot<State, Event extends DomainEvent>(
  desk: Desk<State, Event>,
  id: string,
  { state, version }: Loaded<State>,
): void {
  const stream = streamOf(desk, id)
  const schema = desk.aggregate.snapshot?.schema ?? 1
  // An aggregate that asks for snapshots has a state that is plain JSON.
  desk.store
    .saveSnapshot(stream, { version, schema, state: state as Json })
    .catch(error => desk.onSnapshotFailed(error, stream))
}

/** The first answer wins: what was decided now counts only if it was what got recorded. */
function answer<State, Event extends DomainEvent, R extends Refusal>(
  { context, outcome }: Command<State, Event, R>,
  decision: Decision<EventOf<Event>, R>,
  result: Exclude<AppendResult, { status: 'conflict' }>,
): Handled<R> {
  const { position } = result
  if (result.status === 'repeated') return repeatedAnswer(context, result)
  if ('refused' in decision)
    return { status: 'refused', refusal: decision.refused, position, repeated: false }
  const told = typeof outcome === 'function' ? outcome(decision.accepted) : outcome
  return { status: 'accepted', outcome: told, position, repeated: false }
}

type First = { readonly fingerprint: string; readonly outcome: Json }

/** The key's first body was refused, which wrote nothing, and this is another body. */
function isMended({ body }: CommandContext, { fingerprint: first, outcome }: First): boolean {
  return isRefusal(outcome) && first !== fingerprint(body)
}

function isRefusal(outcome: Json): outcome is JsonObject & { readonly refused: Json } {
  return typeof outcome === 'object' && outcome !== null && 'refused' in outcome
}

function repeatedAnswer<R extends Refusal>(
  context: CommandContext,
  first: Extract<AppendResult, { status: 'repeated' }>,
): Handled<R> {
  const { position, outcome } = first
  if (first.fingerprint !== fingerprint(context.body))
    throw new CallerError('CONFLICT', 'This idempotency key was used for another request. Use a new key.')
  if (isRefusal(outcome))
    // Only refusals of this kind of command are recorded under its fingerprint.
    return { status: 'refused', refusal: outcome.refused as R, position, repeated: true }
  if (typeof outcome === 'object' && outcome !== null && 'accepted' in outcome)
    return { status: 'accepted', outcome: outcome.accepted ?? null, position, repeated: true }
  throw new OperatorError('COMMAND_NOT_OURS', `command ${context.key} was recorded by something else`)
}
