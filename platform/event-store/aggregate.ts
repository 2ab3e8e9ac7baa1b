// Describes an aggregate to its repository, and declares the repository's interface.
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type {
  Append,
  AppendResult,
  EventMeta,
  RecordedEvent,
  StreamWrite,
} from '#platform/event-store/event-store.ts'

export type DomainEvent = { readonly type: string; readonly data: JsonObject }

/** The union of the events whose types are the keys of `Facts`, each with the data that `Facts` gives it. */
export type EventsOf<Facts> = {
  [Type in keyof Facts]: { readonly type: Type; readonly data: Facts[Type] }
}[keyof Facts]

/** Lifts event data of an older schema by one version. Keyed in `Aggregate.upcasters` by `Type@fromSchema`. */
export type Upcaster = (data: JsonObject) => JsonObject

/** Describes one kind of aggregate to the store. `schemas` names event types past schema 1. */
export type Aggregate<State, Event extends DomainEvent> = {
  readonly category: string
  readonly initial: State
  readonly evolve: (state: State, event: Event) => State
  /** Every event type of the aggregate. A stored type that is not listed is skipped by evolve, never an error. */
  readonly types: readonly Event['type'][]
  readonly schemas?: Readonly<Record<string, number>>
  readonly upcasters?: Readonly<Record<string, Upcaster>>
  /** State is saved each `every` events; raise `schema` when the state's shape changes. */
  readonly snapshot?: { readonly schema: number; readonly every: number }
}

/**
 * Says how a decision is appended. `creates` says that the aggregate's id was made for it, so nothing is read before the
 * append. `append` makes the append in place of the store, perhaps with writes to other streams.
 */
export type DecisionContext = {
  readonly meta?: EventMeta
  readonly creates?: boolean
  readonly append?: (append: Append) => Promise<AppendResult>
}

/**
 * Identifies a command. `key` is unique within the store for as long as commands are kept; `body` is fingerprinted to
 * catch its reuse.
 */
export type CommandContext = DecisionContext & { readonly key: string; readonly body: Json }

export type VersionedState<State> = { readonly state: State; readonly version: number }

/** How a command ended. `outcome` and `refusal` are the first ones recorded under its key. */
export type CommandResult<R extends Refusal> =
  | {
      readonly status: 'accepted'
      readonly outcome: Json
      readonly position: number
      readonly repeated: boolean
    }
  | { readonly status: 'refused'; readonly refusal: R; readonly position: number; readonly repeated: boolean }

/** The state that a command was decided on, the events that were accepted (none for a refusal), and the state after them. */
export type Transition<State, Event> = {
  readonly before: State
  readonly events: readonly Event[]
  readonly state: State
}

/** A repeated command wrote nothing and has no transition: whoever needs the state loads it. */
export type HandledCommand<R extends Refusal, State, Event> = CommandResult<R> &
  (({ readonly repeated: false } & Transition<State, Event>) | { readonly repeated: true })

/** The answer that is recorded for repeats of the command: a value, or one made of the accepted events and the new state. */
export type CommandOutcome<State, Event> = Json | ((events: readonly Event[], state: State) => Json)

/** An event of the aggregate `id`. */
export type AggregateEvent<Event> = { readonly id: string; readonly event: Event }

/** Decisions on one aggregate that somebody else appends, together with writes to other streams. */
export type Stage<State, Event> = {
  /** Decides on the state that the decisions before led to. Accepted events are written with `meta`. */
  decide<R extends Refusal>(decide: (state: State) => Decision<Event, R>, meta: EventMeta): Decision<Event, R>
  /** Returns the write of all accepted events; without any it demands the version that was decided on. */
  write(): StreamWrite
  /** Notes that the write was appended. Otherwise the next stage reads the aggregate anew. */
  settle(isAppended: boolean): void
}

export interface Repository<State, Event extends DomainEvent> {
  /** Returns the state as it is stored now. */
  load(id: string): Promise<VersionedState<State>>
  /**
   * Returns the state as this process knows it, which has all that it wrote itself: `load` without a read, as long as no
   * other process uses the store. One that has only just come may have written something that is missing.
   */
  loadKnown(id: string): Promise<VersionedState<State>>
  /** Returns the last state in the aggregate's history before the first of which `holds` is false. */
  loadWhile(id: string, holds: (state: State) => boolean): Promise<VersionedState<State>>
  /** Returns the decoded history, oldest first. */
  history(id: string): Promise<{ event: Event; recorded: RecordedEvent }[]>
  /**
   * Returns what `handle` would repeat, whichever aggregate it was for; undefined when the command's key was not used
   * before. Throws CallerError CONFLICT when the key was used with another body, unless that was refused.
   */
  findResult<R extends Refusal>(command: CommandContext): Promise<CommandResult<R> | undefined>
  /**
   * Decides on one aggregate and appends. A refusal is decided on the state as stored, never on a cached one, and is
   * recorded too: the same command is refused again. A refusal wrote nothing, so the key is free for another body, which
   * is decided in its place. `decide` may be called again when another writer came first. What it throws is thrown, and
   * nothing is recorded. Throws CallerError CONFLICT when the key was used with another body that was accepted,
   * UNAVAILABLE when conflicts outlast the retries.
   *
   * Without a key nothing is kept of the command beside its events, and nothing is appended without any: for what changes
   * nothing when it is decided again on the state that it led to, such as a response that is known already.
   */
  handle<R extends Refusal>(
    id: string,
    command: CommandContext | DecisionContext,
    decide: (state: State) => Decision<Event, R>,
    outcome?: CommandOutcome<State, Event>,
  ): Promise<HandledCommand<R, State, Event>>
  /**
   * Does the same over several aggregates atomically: `decide` gets the states by id, and returns events by id. Nothing
   * is written if any of the aggregates changed since, including one that gets no events.
   */
  handleMany<R extends Refusal>(
    ids: readonly string[],
    command: CommandContext,
    decide: (states: ReadonlyMap<string, State>) => Decision<AggregateEvent<Event>, R>,
    outcome?: CommandOutcome<ReadonlyMap<string, State>, AggregateEvent<Event>>,
  ): Promise<HandledCommand<R, ReadonlyMap<string, State>, AggregateEvent<Event>>>
  /** Stages an aggregate on its state as this process knows it: if that is stale, the append of the write conflicts. */
  stage(id: string): Promise<Stage<State, Event>>
}
