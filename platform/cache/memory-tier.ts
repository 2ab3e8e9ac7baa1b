// Tier 1: the values of this process, bounded by bytes and indexed by tag. An entry in it lacks no change of its tags.
import { LRUCache } from 'lru-cache'
import type { CacheResult, Lease } from '#platform/cache/cache.ts'
import { covers, type PositionVector } from '#platform/consistency/position-vector.ts'

export type Entry<T = unknown> = {
  readonly key: string
  readonly tags: readonly string[]
  /** `current` becomes false when the entry is removed for any reason, since changes no longer reach it then. */
  readonly lease: Lease & { current: boolean }
  readonly staleUntil: number
  /** No renewal starts before this, after one that failed. */
  renewAfter: number
  /** The result of a hit, made once. */
  readonly hit: Promise<CacheResult<T>>
  readonly stale: CacheResult<T>
}

type NewEntry<T> = Pick<Entry, 'key' | 'tags' | 'staleUntil'> &
  Pick<Lease, 'at' | 'freshUntil'> & { readonly value: T | undefined }

export function createEntry<T>({ key, value, at, tags, freshUntil, staleUntil }: NewEntry<T>): Entry<T> {
  const lease = { at, current: true, freshUntil }
  return {
    key,
    tags,
    lease,
    staleUntil,
    renewAfter: 0,
    hit: Promise.resolve({ value, source: 'memory', lease }),
    stale: { value, source: 'stale', lease },
  }
}

export type MemoryTier = {
  get(key: string): Entry | undefined
  /** Replaces the key's entry. Returns false when `value` is too large to be kept. */
  set<T>(entry: Entry<T>, value: T | undefined): boolean
  /** Removes the entries with this tag that do not contain `change`, and returns how many they were. */
  drop(tag: string, change: PositionVector): number
  clear(): void
  bytes(): number
}

/** A single value may take up to one part in this many of the whole. */
const LARGEST_PART = 8
const ENTRY_BYTES = 600
const TAG_BYTES = 100
const REFERENCE_BYTES = 8
const STRING_HEADER_BYTES = 24
const OBJECT_HEADER_BYTES = 40

export function createMemoryTier(options: {
  readonly maxBytes: number
  readonly onEvict: () => void
}): MemoryTier {
  const byTag = new Map<string, Set<Entry>>()
  const entries = new LRUCache<string, Entry>({
    maxSize: options.maxBytes,
    dispose(entry, _key, reason) {
      removeTags(entry)
      if (reason === 'evict') options.onEvict()
    },
  })

  function removeTags(entry: Entry): void {
    entry.lease.current = false
    for (const tag of entry.tags) {
      const tagged = byTag.get(tag)
      if (tagged?.delete(entry) && tagged.size === 0) byTag.delete(tag)
    }
  }

  function indexTags(entry: Entry): void {
    for (const tag of entry.tags) {
      const tagged = byTag.get(tag)
      if (tagged) tagged.add(entry)
      else byTag.set(tag, new Set([entry]))
    }
  }

  return {
    get: key => entries.get(key),
    set(entry, value) {
      const size = ENTRY_BYTES + 2 * entry.key.length + TAG_BYTES * entry.tags.length + estimateBytes(value)
      if (size > options.maxBytes / LARGEST_PART) return false
      entries.set(entry.key, entry, { size })
      indexTags(entry)
      return true
    },
    drop(tag, change) {
      let dropped = 0
      for (const entry of byTag.get(tag) ?? []) {
        if (covers(entry.lease.at, change)) continue
        entries.delete(entry.key)
        dropped += 1
      }
      return dropped
    },
    clear: () => entries.clear(),
    bytes: () => entries.calculatedSize,
  }
}

/** Returns the bytes that a value takes on the heap, within a factor of two or so. The value is plain data without cycles. */
function estimateBytes(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return STRING_HEADER_BYTES + value.length
    case 'object':
      return value === null ? REFERENCE_BYTES : estimateObjectBytes(value)
    default:
      return REFERENCE_BYTES
  }
}

function estimateObjectBytes(value: object): number {
  if (ArrayBuffer.isView(value)) return OBJECT_HEADER_BYTES + value.byteLength
  let bytes = OBJECT_HEADER_BYTES
  if (Array.isArray(value)) for (const item of value) bytes += REFERENCE_BYTES + estimateBytes(item)
  else for (const member of Object.values(value)) bytes += REFERENCE_BYTES + estimateBytes(member)
  return bytes
}
