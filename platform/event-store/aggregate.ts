// Runs a decider on the event store: load (snapshot + tail), decide, append with retry on conflict. Free of any driver.
import type { Logger } from 'pino'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type { EventMeta, EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'

export type DomainEvent = { readonly type: string; readonly data: JsonObject }

/** Lifts event data of an older schema by one version. Keyed in `Aggregate.upcasters` by `Type@fromSchema`. */
export type Upcaster = (data: JsonObject) => JsonObject

/** What the store needs to know of one kind of aggregate. `schemas` names event types past schema 1. */
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
 * Who asks, under which key. `key` is unique for ever within the store; `body` is fingerprinted to catch its reuse.
 * `creates`: the aggregate's id was made for this command, so nothing of it is looked for before the append.
 */
export type CommandContext = {
  readonly key: string
  readonly body: Json
  readonly meta?: EventMeta
  readonly creates?: boolean
}

export type Loaded<State> = { readonly state: State; readonly version: number }

/** `repeated` when the key had been used before: nothing was written now, and `outcome` is the first answer. */
export type Handled<R extends Refusal> =
  | {
      readonly status: 'accepted'
      readonly outcome: Json
      readonly position: number
      readonly repeated: boolean
    }
  | { readonly status: 'refused'; readonly refusal: R; readonly position: number; readonly repeated: boolean }

/** What a repeat of the command is told: a value, or one made of the events that were accepted. */
export type Outcome<Event> = Json | ((accepted: readonly Event[]) => Json)

export type EventOf<Event> = { readonly id: string; readonly event: Event }

export interface Repository<State, Event extends DomainEvent> {
  /** The state as it is stored now. */
  load(id: string): Promise<Loaded<State>>
  /** The last state of its history before the first of which `holds` is false. */
  loadWhile(id: string, holds: (state: State) => boolean): Promise<Loaded<State>>
  /** The decoded history, oldest first. */
  history(id: string): Promise<{ event: Event; recorded: RecordedEvent }[]>
  /**
   * The first answer to the command, if its key was used before: what `handle` would repeat, whichever aggregate it was
   * for. Throws CallerError CONFLICT when the key was used with another body, unless that was refused.
   */
  answered<R extends Refusal>(command: CommandContext): Promise<Handled<R> | undefined>
  /**
   * Decides on one aggregate and appends. `outcome` is what a repeat of the command gets back; as a function it is made
   * of the accepted events. A refusal is decided on the state as stored, never on a cached one, and is recorded too:
   * the same command is refused again. A refusal wrote nothing, so the key is free for another body, which is decided in
   * its place. `decide` may be called again when somebody else wrote meanwhile. What it throws is thrown, and nothing is
   * recorded. Throws CallerError CONFLICT when the key was used with another body that was accepted, UNAVAILABLE when
   * conflicts outlast the retries.
   */
  handle<R extends Refusal>(
    id: string,
    command: CommandContext,
    decide: (state: State) => Decision<Event, R>,
    outcome?: Outcome<Event>,
  ): Promise<Handled<R>>
  /**
   * The same over several aggregates at once, atomically: `decide` gets the states by id, and answers events by id.
   * Nothing is written if any of the aggregates changed since, also one that gets no events.
   */
  handleMany<R extends Refusal>(
    ids: readonly string[],
    command: CommandContext,
    decide: (states: ReadonlyMap<string, State>) => Decision<EventOf<Event>, R>,
    outcome?: Outcome<EventOf<Event>>,
  ): Promise<Handled<R>>
}

export type CreateRepository = <State, Event extends DomainEvent>(
  store: EventStore,
  aggregate: Aggregate<State, Event>,
  options?: { readonly logger?: Pick<Logger, 'warn'> },
) => Repository<State, Event>
