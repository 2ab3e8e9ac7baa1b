// Whole answers of queries, kept in this process for the caller that got them while what they are made of is current.
import { crc32 } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import type { Viewer } from '#platform/auth/viewer.ts'
import type { Lease } from '#platform/cache/cache.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import type { ResponseSources } from '#platform/graphql/context.ts'
import { type EncodedResponse, encodeResponse } from '#platform/http/response-body.ts'
import { counter, deferredCounter, gauge } from '#platform/telemetry/metrics.ts'

/** Decides whether what an answer is made of may still be shown. Asked at every hit, so it must be quick. */
export type ResponseCachePolicy = {
  /** What `viewer` must see, given the consistency header that it sent. */
  required(viewer: Viewer | undefined, header: PositionVector): PositionVector
  /** Never again true once it was false for what nobody requires anything of. */
  serves(lease: Lease, required: PositionVector): boolean
}

/**
 * A request as far as its answer depends on it. `key` is the asker and a checksum of the operation, which is quicker to look
 * up than the operation itself; what is found there must still be of the same operation.
 */
export type CacheKey = {
  readonly key: string
  readonly operation: Buffer
  readonly required: PositionVector
}

/** All that an answer may depend on besides what is read for it. */
export type CacheableRequest = {
  readonly viewer: Viewer | undefined
  readonly language: string | undefined
  /** The Accept header, which chooses the content type. */
  readonly accept: string | undefined
  /** The body of a POST or the query string of a GET, as it came. A hash in it names one text for good. */
  readonly operation: Buffer
}

export type CachedResponse = EncodedResponse & {
  /** For the count of operations. */
  readonly name: string | undefined
  readonly leases: readonly Lease[]
  readonly operation: Buffer
}

export type CompletedQuery = {
  readonly sources: ResponseSources
  readonly name: string | undefined
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

export type ResponseCache = {
  keyOf(asker: CacheableRequest, header: PositionVector): CacheKey
  /** Only while each of its leases serves what the question requires. */
  get(question: CacheKey): CachedResponse | undefined
  /**
   * The answer of a query without errors, as it is to be sent; kept if all that it shows came out of the cache. Call it
   * for nothing else.
   */
  put(question: CacheKey, finished: CompletedQuery): CachedResponse
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024
/** One answer's share of them. */
const LARGEST = 1 / 16
/** What an answer takes besides its bytes and its key, about. */
const OVERHEAD = 1024

export function createResponseCache(
  service: string,
  policy: ResponseCachePolicy,
  maxBytes: number = DEFAULT_MAX_BYTES,
): ResponseCache {
  const count = createCounts(service)
  const kept = new LRUCache<string, CachedResponse>({
    maxSize: maxBytes,
    maxEntrySize: maxBytes * LARGEST,
    sizeCalculation: sizeOf,
    dispose: (_answer, _key, reason) => reason === 'evict' && count.evicted(),
  })

  /** Weighed anew: a value that is the same object would not be. */
  function weigh(key: string, answer: CachedResponse): void {
    if (kept.peek(key)?.compressed === answer.compressed) kept.set(key, { ...answer })
    count.bytes(kept.calculatedSize)
  }

  return {
    keyOf: (asker, header) => ({
      key: keyOf(asker),
      operation: asker.operation,
      required: policy.required(asker.viewer, header),
    }),
    get({ key, operation, required }) {
      const found = kept.get(key)
      const stands = found?.operation.equals(operation) && served(found, required, policy)
      if (!stands) return void count.missed()
      count.hit()
      return found
    },
    put({ key, operation }, { sources, name, text, headers }) {
      const { leases, uncacheable } = sources
      const body = encodeResponse({ text, headers, tagged: true, onCompressed: () => weigh(key, answer) })
      const answer: CachedResponse = { ...body, name, leases: [...leases], operation: copyOf(operation) }
      if (leases.length > 0 && !uncacheable) kept.set(key, answer)
      count.bytes(kept.calculatedSize)
      return answer
    },
  }
}

function served(
  { leases }: CachedResponse,
  required: PositionVector,
  { serves }: ResponseCachePolicy,
): boolean {
  for (const lease of leases) if (!serves(lease, required)) return false
  return true
}

/** Of its own: the original may be a part of something larger, all of which it would keep in memory. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}

/**
 * Equal only for equal askers: headers hold no line breaks, the checksum is a number, and what is left is the subject.
 * Nobody's role is no role.
 */
function keyOf({ viewer, language = '', accept = '', operation }: CacheableRequest): string {
  const { role, subject } = viewer ?? { role: '', subject: '' }
  return `${role}\n${language}\n${accept}\n${crc32(operation)}\n${subject}`
}

function sizeOf({ bytes, compressed, leases, operation }: CachedResponse, key: string): number {
  let size = OVERHEAD + 2 * key.length + operation.length + bytes.length + 200 * leases.length
  for (const variant of compressed.values()) size += variant.bytes.length
  return size
}

type Counts = { hit(): void; missed(): void; evicted(): void; bytes(now: number): void }

function createCounts(service: string): Counts {
  const asked = counter('waybill_answers_total', 'Requests by whether a kept answer was there for them', [
    'service',
    'outcome',
  ])
  const evictions = counter('waybill_answers_evicted_total', 'Kept answers that gave way to others', [
    'service',
  ])
  const size = gauge('waybill_answers_bytes', 'What kept answers take, about', ['service'])
  return {
    hit: deferredCounter(asked, { service, outcome: 'hit' }),
    missed: deferredCounter(asked, { service, outcome: 'miss' }),
    evicted: () => evictions.inc({ service }),
    bytes: now => size.set({ service }, now),
  }
}
