// Projections: pure functions from event to document change, run by a store consumer, rebuilt beside the live view.
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { CollectionDefinition, Document } from '#platform/read-models/read-models.ts'

/**
 * `update` gets the document as it is (undefined when absent) and returns what it becomes (undefined deletes it).
 * It is pure, and returns the document it got when nothing changes.
 */
export type Change<Doc> = { readonly id: string; update(doc: Doc | undefined): Doc | undefined }

/**
 * One read model: which events change which documents, and how. `project` is pure. Its functions are methods, so that
 * views of several shapes can stand in one list.
 *
 * A document that several streams feed has one position for them all: an event that was parked and is replayed after
 * a later one was applied is passed over there. Rebuild such a view once its dead letters are settled.
 */
export type View<Doc extends Document> = {
  readonly collection: CollectionDefinition<Doc>
  /** Stream categories it listens to. */
  readonly categories: readonly string[]
  project(event: RecordedEvent): readonly Change<Doc>[]
}
