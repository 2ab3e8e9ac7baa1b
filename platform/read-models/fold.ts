// Applies events to a view's documents: changes folded in memory, each document loaded once and written once. Free of any driver.
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Change, View } from '#platform/read-models/projection.ts'
import type { Collection, Document, GuardedWrite } from '#platform/read-models/read-models.ts'

type Stored<Doc> = { readonly doc: Doc | null; readonly position: number }
type Placed<Doc> = { readonly position: number; readonly change: Change<Doc> }

/**
 * Applies `events`, which rise in position, to `collection`. A document passes over the events up to its own
 * position, so applying events again, alone or with later ones, changes nothing.
 */
export async function applyEvents<Doc extends Document>(
  view: View<Doc>,
  collection: Collection<Doc>,
  events: readonly RecordedEvent[],
): Promise<void> {
  const changes = changesById(view, events)
  if (changes.size === 0) return
  const stored = await collection.load([...changes.keys()])
  const writes = [...changes].flatMap(([id, placed]) => foldDocument(id, stored.get(id), placed))
  if (writes.length > 0) await collection.write(writes)
}

function changesById<Doc extends Document>(
  view: View<Doc>,
  events: readonly RecordedEvent[],
): Map<string, Placed<Doc>[]> {
  const changes = new Map<string, Placed<Doc>[]>()
  for (const event of events) {
    if (!view.categories.includes(categoryOf(event))) continue
    for (const change of view.project(event)) {
      const placed = changes.get(change.id) ?? []
      changes.set(change.id, placed)
      placed.push({ position: event.position, change })
    }
  }
  return changes
}

/**
 * One write, or none when no change did anything: the position may then stay behind without harm. A document that came
 * and went is written as deleted, or else a former owner that is late could bring it back.
 */
function foldDocument<Doc extends Document>(
  id: string,
  stored: Stored<Doc> | undefined,
  placed: readonly Placed<Doc>[],
): GuardedWrite<Doc>[] {
  let doc = stored?.doc ?? undefined
  let position: number | undefined
  for (const { change, position: at } of placed) {
    if (at <= (stored?.position ?? 0)) continue
    const next = change.update(doc)
    if (next !== doc || position !== undefined) position = at
    doc = next
  }
  return position === undefined ? [] : [{ id, doc: doc ?? null, position }]
}

function categoryOf(event: RecordedEvent): string {
  return event.stream.slice(0, event.stream.indexOf('-'))
}
