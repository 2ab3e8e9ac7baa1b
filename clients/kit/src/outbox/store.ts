// Where an outbox keeps its commands: the port, which IndexedDB implements in a browser and an app's own storage on a phone.
import type { GraphqlError } from '../core/request.ts'

/** A command as it is kept. It is plain JSON. */
export type Command = {
  /** Its idempotency key, which it had before it was sent. */
  readonly key: string
  /** Commands of one group are sent in the order in which they were added; without one, it waits for no other. */
  readonly group: string | null
  readonly query: string
  readonly operationName: string | null
  readonly variables: Readonly<Record<string, unknown>>
  /** When it was added, in ms since 1970. */
  readonly addedAt: number
  /** True from before it is sent for the first time: it may have been carried out. */
  readonly attempted: boolean
  /** How often it met a fault that waiting does not mend. */
  readonly faults: number
  /** Why it is not sent any more, until `retry`; null while it is. */
  readonly parked: readonly GraphqlError[] | null
}

export type OutboxStore = {
  /**
   * Keeps a command behind all others, durably before it resolves. One with its key that is there already stays as it is.
   * Resolves with what is there, or undefined when there are `most` already.
   */
  add(command: Command, most: number): Promise<Command | undefined>
  /** Resolves with all commands, in the order in which they were added. */
  list(): Promise<Command[]>
  /** Replaces the command of this key, durably; does nothing when it is gone. */
  update(command: Command): Promise<void>
  remove(key: string): Promise<void>
  /**
   * For browsers without Web Locks: makes `owner` the one who sends for the next `ms`, unless another one is. Resolves with
   * whether it is. A store that only one process opens needs none.
   */
  lease?(owner: string, ms: number): Promise<boolean>
  close?(): void
}
