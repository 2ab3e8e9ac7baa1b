// Stores how far each view has been filled, beside the views, so that a new view can be told from one that is up to date.
import type { CollectionDefinition, CollectionWrites, ReadModels } from '#platform/read-models/read-models.ts'

type ProgressDoc = { readonly position: number }

/** Keyed by the stored name of the view, such as `orders_v1`. A saved position may be behind the view, never ahead of it. */
export type ViewProgress = {
  read(names: readonly string[]): Promise<Map<string, number>>
  /** Returns the highest saved position of any view, also of one that only another build has; 0 when there is none. */
  furthest(): Promise<number>
  /** A position lower than the saved one is ignored. */
  save(names: readonly string[], position: number): Promise<void>
  /** Forgets a view that is dropped, so that it is filled from the beginning if an earlier build comes back. */
  forget(name: string): Promise<void>
  /** Returns the writes of a save, for a batch that includes them. */
  writesOf(names: readonly string[], position: number): CollectionWrites
}

/** Views of one service, in all versions that are left. */
const MAX_VIEWS = 1_000
const PROGRESS: CollectionDefinition<ProgressDoc> = { name: 'view_progress', version: 1, indexes: [] }

export async function openViewProgress(readModels: ReadModels): Promise<ViewProgress> {
  const collection = await readModels.collection(PROGRESS)
  const writesOf = (names: readonly string[], position: number) => ({
    collection,
    writes: names.map(id => ({ id, doc: { position }, position })),
  })
  return {
    writesOf,
    async furthest() {
      const { items } = await collection.find({ limit: MAX_VIEWS })
      return Math.max(0, ...items.map(({ doc }) => doc.position))
    },
    async forget(name) {
      const position = (await collection.load([name])).get(name)?.position ?? 0
      await collection.write([{ id: name, doc: null, position: position + 1 }])
    },
    async read(names) {
      const docs = await collection.getMany(names)
      return new Map([...docs].map(([name, doc]) => [name, doc.position]))
    },
    async save(names, position) {
      if (position > 0) await collection.write(writesOf(names, position).writes)
    },
  }
}
