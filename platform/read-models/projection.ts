// Defines views, and applies events to their documents: changes are folded in memory, each document is read and written once.
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type {
  Collection,
  CollectionDefinition,
  Document,
  GuardedWrite,
  StoredDocument,
} from '#platform/read-models/read-models.ts'

/**
 * `update` gets the document as it is (undefined when absent) and returns what it becomes (undefined deletes it).
 * It is pure, and returns the document it got when nothing changes.
 */
export type Change<Doc> = { readonly id: string; update(doc: Doc | undefined): Doc | undefined }

/**
 * One read model: which events change which documents, and how. `project` is pure. Its functions are methods, so that
 * views of several shapes fit in one list.
 *
 * A document that several streams update has one position for them all: an event that was parked and is replayed after
 * a later one was applied is skipped there. Rebuild such a view once its dead letters are settled.
 */
export type View<Doc extends Document> = {
  readonly collection: CollectionDefinition<Doc>
  /** The categories of the streams whose events it gets. */
  readonly categories: readonly string[]
  /** True when the events of one stream make a document: there is none before the stream's first event. */
  readonly ownStream?: boolean
  project(event: RecordedEvent): readonly Change<Doc>[]
}

type PositionedChange<Doc> = { readonly position: number; readonly change: Change<Doc> }

/** The changes of each document, by its id, in the order of their events. */
export type PositionedChanges<Doc> = ReadonlyMap<string, DocumentChanges<Doc>>

/** `isNew` when the first of them is the first event of all that make the document. */
type DocumentChanges<Doc> = { readonly isNew: boolean; readonly changes: PositionedChange<Doc>[] }

/**
 * Applies `events`, which rise in position, to `collection`. A document skips the events up to its own position, so
 * applying events again, alone or with later ones, changes nothing.
 */
export async function applyEvents<Doc extends Document>(
  view: View<Doc>,
  collection: Collection<Doc>,
  events: readonly RecordedEvent[],
): Promise<void> {
  const changes = changesById(view, events)
  if (changes.size === 0) return
  const stored = await collection.load([...changes.keys()])
  const writes = [...changes].flatMap(([id, ofDocument]) => foldDocument(id, stored.get(id), ofDocument))
  if (writes.length > 0) await collection.write(writes)
}

export function changesById<Doc extends Document>(
  view: View<Doc>,
  events: readonly RecordedEvent[],
): PositionedChanges<Doc> {
  const changes = new Map<string, DocumentChanges<Doc>>()
  for (const event of events) {
    if (!view.categories.includes(categoryOf(event))) continue
    for (const change of view.project(event)) {
      const isNew = view.ownStream === true && event.version === 1
      const ofDocument = changes.get(change.id) ?? { isNew, changes: [] }
      changes.set(change.id, ofDocument)
      ofDocument.changes.push({ position: event.position, change })
    }
  }
  return changes
}

/**
 * Returns one write, or none when no change did anything: the position may then stay behind without harm. A document
 * that was created and deleted is written as deleted, or else a former owner that is late could bring it back.
 */
export function foldDocument<Doc extends Document>(
  id: string,
  stored: StoredDocument<Doc> | undefined,
  { changes }: DocumentChanges<Doc>,
): GuardedWrite<Doc>[] {
  let doc = stored?.doc ?? undefined
  let position: number | undefined
  for (const { change, position: at } of changes) {
    if (at <= (stored?.position ?? 0)) continue
    const next = change.update(doc)
    if (next !== doc || position !== undefined) position = at
    doc = next
  }
  return position === undefined ? [] : [{ id, doc: doc ?? null, position }]
}

function categoryOf({ stream }: RecordedEvent): string {
  return stream.slice(0, stream.indexOf('-'))
}
