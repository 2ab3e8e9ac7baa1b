// Defines a small domain for tests of projections: tallies, a view of each tally, and a view over all.
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document, ReadModels } from '#platform/read-models/read-models.ts'

type TallyDoc = { readonly sum: number; readonly events: number; readonly parity: string }
type OverviewDoc = { readonly events: number; readonly log: string }

/** One document per stream; `Cleared` deletes it. */
export function tallies(version = 1): View<TallyDoc> {
  return {
    collection: { name: 'tallies', version, indexes: [['parity', 'sum']], terms: doc => [doc.parity] },
    categories: ['tally'],
    ownStream: true,
    project: event => [
      {
        id: event.stream,
        update: doc => (event.type === 'Cleared' ? undefined : count(doc, event)),
      },
    ],
  }
}

/** One document that every event changes, in an order that shows: what is lost, doubled or swapped is seen in it. */
export const overview: View<OverviewDoc> = {
  collection: { name: 'overview', version: 1, indexes: [] },
  categories: ['tally', 'other'],
  project: event => [
    {
      id: 'all',
      update: doc => ({
        events: (doc?.events ?? 0) + 1,
        log: `${doc?.log ?? ''}${event.position} `.slice(-2_000),
      }),
    },
  ],
}

function count(doc: TallyDoc | undefined, event: RecordedEvent): TallyDoc {
  const sum = (doc?.sum ?? 0) + Number(event.data.by)
  return { sum, events: (doc?.events ?? 0) + 1, parity: sum % 2 === 0 ? 'even' : 'odd' }
}

/** Appends `amounts` to a stream as it stands, in one append, and returns the position. */
export async function grow(store: EventStore, stream: StreamId, amounts: readonly number[]): Promise<number> {
  const version = (await store.readStream(stream)).length
  const events = amounts.map(by => ({ type: by === 0 ? 'Cleared' : 'Grown', data: { by } }))
  const result = await store.append({ writes: [{ stream, expected: version, events }] })
  if (result.status !== 'appended') throw new Error(`the append to ${stream} was a ${result.status}`)
  return result.position
}

/** Every document of the view, by id. */
export async function documentsOf<Doc extends Document>(
  readModels: ReadModels,
  view: View<Doc>,
): Promise<Record<string, Doc>> {
  const collection = await readModels.collection(view.collection)
  const { items } = await collection.find({ limit: 1_000 })
  return Object.fromEntries(items.map(item => [item.id, item.doc]))
}
