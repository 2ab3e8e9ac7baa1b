// Keeps the documents that the views' owner updated last, so that their next event needs no read.
import { LRUCache } from 'lru-cache'
import type { Document, StoredDocument } from '#platform/read-models/read-models.ts'

export type DocumentCache = LRUCache<string, StoredDocument<Document>>

const MAX_DOCUMENTS = 4_000
/** It counts characters of JSON, roughly; a document takes a few times as much memory. */
const MAX_SIZE = 16_000_000

/** The key of a document is the name of its collection, a space, and its id. */
export function createDocumentCache(): DocumentCache {
  return new LRUCache({
    max: MAX_DOCUMENTS,
    maxSize: MAX_SIZE,
    sizeCalculation: ({ doc }) => 1 + roughSize(doc),
  })
}

function roughSize(value: unknown): number {
  if (typeof value === 'string') return value.length + 3
  if (typeof value !== 'object' || value === null) return 6
  let size = 2
  for (const key of Object.keys(value)) size += key.length + 4 + roughSize(Reflect.get(value, key))
  return size
}
