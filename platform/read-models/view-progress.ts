// How far each view has been filled, kept beside the views: it tells a new view from one that is up to date. Free of any driver.
import { storedName } from '#platform/read-models/collection-names.ts'
import type { CollectionDefinition, Document, ReadModels } from '#platform/read-models/read-models.ts'

type ProgressDoc = { readonly position: number }

/** By stored name of the view, e.g. `orders_v1`. What is noted may lag behind what is true, never lead it. */
export type ViewProgress = {
  read(names: readonly string[]): Promise<Map<string, number>>
  /** A lower position than the noted one is ignored. */
  save(names: readonly string[], position: number): Promise<void>
}

const PROGRESS: CollectionDefinition<ProgressDoc> = { name: 'view_progress', version: 1, indexes: [] }

export async function openViewProgress(readModels: ReadModels): Promise<ViewProgress> {
  const collection = await readModels.collection(PROGRESS)
  return {
    async read(names) {
      const docs = await collection.getMany(names)
      return new Map([...docs].map(([name, doc]) => [name, doc.position]))
    },
    async save(names, position) {
      if (position > 0) await collection.write(names.map(id => ({ id, doc: { position }, position })))
    },
  }
}

export function viewName<Doc extends Document>(view: {
  readonly collection: CollectionDefinition<Doc>
}): string {
  return storedName(view.collection)
}
