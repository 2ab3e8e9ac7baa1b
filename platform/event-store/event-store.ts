// Declares the event store port: append, read, consume. Its adapter is in postgres/.
import type { Json, JsonObject } from '#platform/domain/json.ts'

/** A stream's name is its category, a dash, and the aggregate's id. The category has no dash: `order-ord_0190…`. */
export type StreamId = `${string}-${string}`

/** The metadata of an event: who caused it, within which request, and the W3C trace context. */
export type EventMeta = {
  readonly actor?: string
  readonly correlationId?: string
  readonly causationId?: string
  readonly traceparent?: string
}

/**
 * An event to write. `schema` is the version of its data's shape, 1 by default. `id` is a UUIDv7, a new one by default,
 * and `meta` is that of its append by default.
 */
export type NewEvent = {
  readonly id?: string
  readonly type: string
  readonly schema?: number
  readonly data: JsonObject
  readonly meta?: EventMeta
}

/** A stored event. `position` is dense and global to one store, from 1; `version` counts within its stream, from 1. */
export type RecordedEvent = {
  readonly position: number
  readonly stream: StreamId
  readonly version: number
  readonly id: string
  readonly type: string
  readonly schema: number
  readonly data: JsonObject
  readonly meta: EventMeta
  readonly recordedAt: string
}

/**
 * `expected` is the stream's version before the write: 0 for a stream that must not exist yet. Without events the
 * write only demands that version.
 */
export type StreamWrite = {
  readonly stream: StreamId
  readonly expected: number
  readonly events: readonly NewEvent[]
}

/**
 * Makes an append idempotent. `id` names the command for as long as the store keeps commands; `fingerprint` is a digest of its body; `outcome`
 * is the answer, which a repeat of the command gets too.
 */
export type CommandRecord = { readonly id: string; readonly fingerprint: string; readonly outcome: Json }

/** `writes` may be empty when `command` is given: that records a refusal. `writes` names each stream at most once. */
export type Append = {
  readonly writes: readonly StreamWrite[]
  readonly command?: CommandRecord
  readonly meta?: EventMeta
}

/** `position` is the store position that a reader must have reached to see this append's effect. */
export type AppendResult =
  | { readonly status: 'appended'; readonly position: number; readonly recordedAt: string }
  | {
      readonly status: 'repeated'
      readonly position: number
      readonly fingerprint: string
      readonly outcome: Json
    }
  | {
      readonly status: 'conflict'
      readonly stream: StreamId
      readonly expected: number
      readonly actual: number
    }

/** Bounds of a stream read, by version. */
export type StreamRange = { readonly after?: number; readonly upTo?: number }

/** Bounds of a read of the whole store, in position order. `limit` is at most 10,000. */
export type LogRange = {
  readonly after: number
  readonly limit: number
  readonly categories?: readonly string[]
}

/**
 * Matching events, and the position up to which the log was searched for them: go on reading from there. It equals the
 * range's `after` only at the log's end. A slice of few events, or of none, says nothing: a read by category passes over
 * a bounded number of positions.
 */
export type LogSlice = { readonly events: readonly RecordedEvent[]; readonly scannedTo: number }

export type KnownLog = {
  /** The position up to which the log is known. */
  readonly head: number
  /** True when the stream surely has no event after the position `since`; false when it must be read to know that. */
  isUnwritten(stream: StreamId, since: number): boolean
}

/** A state saved so that a long stream need not be folded from its start. Used only when `schema` matches. */
export type Snapshot = { readonly version: number; readonly schema: number; readonly state: Json }

/** A failed event that its consumer moved past. `behind` is set when it only waits for an earlier one of its stream. */
export type DeadLetter = {
  readonly consumer: string
  readonly event: RecordedEvent
  readonly error: string
  readonly attempts: number
  readonly parkedAt: string
  readonly behind?: number
}

export type ConsumerOptions = {
  /** Names the checkpoint. One process at a time owns a name; another takes over when its lease runs out. */
  readonly name: string
  readonly categories?: readonly string[]
  /** Events per call of `handle`; 500 by default. */
  readonly batchSize?: number
  /** The least time between two calls of `handle`: events that come meanwhile are handled together. 0 by default. */
  readonly spacingMs?: number
  /** Handles events in order, at least once. A batch that throws is retried event by event, then parked. */
  readonly handle: (events: readonly RecordedEvent[]) => Promise<void>
  /** Called each time this process becomes the owner, before the first `handle`. */
  readonly onOwner?: (checkpoint: number) => Promise<void>
  /** Called when ownership is lost or given up. */
  readonly onLost?: () => void
  /** The consumer never passes this one's checkpoint: a publisher, say, stays behind its projection. */
  readonly behind?: Consumer
  /**
   * For a consumer whose work ends later than `handle` resolves: the stored checkpoint never passes the position that
   * this returns, and the next owner handles the events past it again. Read about every 50 ms while it holds the
   * checkpoint back. `status`, `reached` and `onProgress` of the owner go on to mean what was handled.
   */
  readonly safePosition?: () => number
  /** Attempts at one event before it is parked; 5 by default. */
  readonly attempts?: number
}

type ConsumerStatus = {
  readonly name: string
  readonly owner: boolean
  readonly checkpoint: number
  readonly deadLetters: number
  readonly lastError?: string
}

export interface Consumer extends AsyncDisposable {
  /** Resolves to true once every event up to `position` is handled (by any process), to false after `timeoutMs`. */
  reached(position: number, timeoutMs: number): Promise<boolean>
  status(): ConsumerStatus
  /**
   * Goes back to `position`, while this process is the owner: for a handler that hears that what it had done since is
   * lost. The events past it are handled again, once what is being handled has ended.
   */
  rewind(position: number): void
  /** Calls `listener` with each new checkpoint in this process; returns a function that stops it. */
  onProgress(listener: (checkpoint: number) => void): () => void
}

export interface EventStore extends AsyncDisposable {
  /**
   * Writes all or nothing, over any number of streams, durably before it resolves. Concurrent calls are grouped
   * into one statement and one commit. A repeated command is recognised before versions are compared.
   */
  append(append: Append): Promise<AppendResult>
  /** Returns events of one stream in version order. */
  readStream(stream: StreamId, range?: StreamRange): Promise<RecordedEvent[]>
  /** Returns events of all streams in position order: without gaps, and never one that a later commit could precede. */
  readLog(range: LogRange): Promise<LogSlice>
  /**
   * Returns the position of the newest event; 0 when there is none. It covers each append that resolved in this process;
   * one of a process that has only just come, or gone, may be missing for a moment.
   */
  head(): Promise<number>
  /**
   * Returns what this process knows of the log without reading it; nothing while other processes use the store. It covers
   * what `head` covers.
   */
  known(): KnownLog | undefined
  /** Returns what was recorded of a command, if anything. */
  findCommand(id: string): Promise<{ fingerprint: string; outcome: Json; position: number } | undefined>
  /**
   * Forgets a command, so that its id can be used anew. Does nothing when it is not there, or has another fingerprint.
   * Only for a command that wrote no events.
   */
  forgetCommand(id: string, fingerprint: string): Promise<void>
  /** Calls `listener` soon after any process commits events. It is a hint: calls may be late, early or merged. */
  onAppended(listener: () => void): () => void
  loadSnapshot(stream: StreamId, schema: number): Promise<Snapshot | undefined>
  saveSnapshot(stream: StreamId, snapshot: Snapshot): Promise<void>
  consume(options: ConsumerOptions): Promise<Consumer>
  listDeadLetters(consumer?: string): Promise<DeadLetter[]>
  /** Marks parked events for another try, oldest first; the consumer's owner takes them up. Returns how many. */
  replayDeadLetters(consumer: string, positions?: readonly number[]): Promise<number>
  /** Takes the lease of `consumer` away from its owner, runs `work`, and releases it at the checkpoint `work` returns. */
  withConsumerLease(consumer: string, work: (checkpoint: number) => Promise<number>): Promise<void>
}
