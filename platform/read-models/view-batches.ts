// Applies batches of events to all views of a service: documents are kept in memory, and a batch is one write.
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { createDocumentCache, type DocumentCache } from '#platform/read-models/document-cache.ts'
import { changesById, foldDocument, type PositionedChanges } from '#platform/read-models/projection.ts'
import type { BatchWriter, Document, ReadModels, StoredDocument } from '#platform/read-models/read-models.ts'
import type { ViewProgress } from '#platform/read-models/view-progress.ts'
import type { ViewUpdater } from '#platform/read-models/view-updater.ts'

/** The batches of one owner of the views, from when it became the owner or since its last writer was lost. */
export type ViewBatches = AsyncDisposable & {
  /** Applies events in order, and saves how far the views that they change have come. They may not be durable yet. */
  apply(events: readonly RecordedEvent[]): Promise<void>
  /** Saves that the views stand at `position`, and makes all that was applied durable. */
  settle(position: number): Promise<void>
}

type BatchesOptions = {
  readonly readModels: ReadModels
  readonly updaters: readonly ViewUpdater[]
  readonly progress: ViewProgress
  /** Called when what was applied since the last `settle` may be lost. Nothing more can be applied then. */
  readonly onLost: () => void
}

type Batches = Pick<BatchesOptions, 'updaters' | 'progress'> & {
  readonly writer: BatchWriter
  readonly cache: DocumentCache
}

/** The changes that a batch makes to one view. */
type ViewChanges = Pick<ViewUpdater, 'name' | 'collection'> & {
  readonly changes: PositionedChanges<Document>
}

export async function openViewBatches(options: BatchesOptions): Promise<ViewBatches> {
  const { readModels, updaters, progress, onLost } = options
  const writer = await readModels.writer(onLost)
  const batches: Batches = { updaters, progress, writer, cache: createDocumentCache() }
  const names = updaters.map(({ name }) => name)
  return {
    async apply(events) {
      try {
        await applyBatch(batches, events)
      } catch (error) {
        batches.cache.clear() // nobody knows how much of it was written
        throw error
      }
    },
    async settle(position) {
      await writer.write([progress.writesOf(names, position)], { durable: true })
    },
    [Symbol.asyncDispose]: () => writer[Symbol.asyncDispose](),
  }
}

async function applyBatch(batches: Batches, events: readonly RecordedEvent[]): Promise<void> {
  const { updaters, progress, writer, cache } = batches
  const changed = updaters
    .map(({ name, collection, view }) => ({ name, collection, changes: changesById(view, events) }))
    .filter(({ changes }) => changes.size > 0)
  const stored = await loadStored(batches, changed)
  const writes = changed.map(({ name, collection, changes }) => ({
    name,
    collection,
    writes: [...changes].flatMap(([id, ofDocument]) =>
      foldDocument(id, stored.get(keyOf(name, id)), ofDocument),
    ),
  }))
  const written = writes.filter(one => one.writes.length > 0)
  if (written.length === 0) return
  const saved = progress.writesOf(
    written.map(({ name }) => name),
    events.at(-1)?.position ?? 0,
  )
  const isComplete = await writer.write([...written, saved], { durable: false })
  for (const { name, writes: ofView } of written)
    for (const { id, doc, position } of ofView) {
      if (isComplete) cache.set(keyOf(name, id), { doc, position })
      else cache.delete(keyOf(name, id)) // somebody else was ahead, such as this batch itself before a crash
    }
}

/**
 * Returns the stored documents that change, from the cache where it has them. A new document may be there already when
 * its events come again: then its write does not count, and it is loaded the next time.
 */
async function loadStored(
  { writer, cache }: Batches,
  changed: readonly ViewChanges[],
): Promise<Map<string, StoredDocument<Document>>> {
  const stored = new Map<string, StoredDocument<Document>>()
  const wanted = changed.flatMap(({ name, collection, changes }) => {
    const ids: string[] = []
    for (const [id, { isNew }] of changes) {
      const cached = cache.get(keyOf(name, id))
      if (cached) stored.set(keyOf(name, id), cached)
      else if (!isNew) ids.push(id)
    }
    return ids.length > 0 ? [{ name, collection, ids }] : []
  })
  if (wanted.length === 0) return stored
  const loaded = await writer.load(wanted)
  for (const [index, { name }] of wanted.entries())
    for (const [id, document] of loaded[index] ?? []) stored.set(keyOf(name, id), document)
  return stored
}

function keyOf(name: string, id: string): string {
  return `${name} ${id}`
}
