// Caches whole responses of queries per caller, for as long as the data that they show is current.
import { crc32 } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import type { Viewer } from '#platform/auth/viewer.ts'
import type { Lease } from '#platform/cache/cache.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import type { ResponseSources } from '#platform/graphql/context.ts'
import { type EncodedResponse, encodeResponse } from '#platform/http/response-body.ts'
import { counter, deferredCounter, gauge } from '#platform/telemetry/metrics.ts'

/** Decides whether the data that a response shows may still be served. Called at every hit, so it must be fast. */
export type ResponseCachePolicy = {
  /** Returns the positions that `viewer` must see, given the consistency header that it sent. */
  required(viewer: Viewer | undefined, header: PositionVector): PositionVector
  /** Once false where nothing is required, it is never true again. */
  serves(lease: Lease, required: PositionVector): boolean
}

/**
 * A response is cached under this key. `key` holds the caller and a checksum of the operation, faster to look up than
 * the operation itself; the operation of the response that is found is compared as well.
 */
export type CacheKey = {
  readonly key: string
  readonly operation: Buffer
  readonly required: PositionVector
}

/** All of a request that a response may depend on. */
export type CacheableRequest = {
  readonly viewer: Viewer | undefined
  readonly language: string | undefined
  /** The Accept header, which chooses the content type. */
  readonly accept: string | undefined
  /** The body of a POST or the query string of a GET, as it came. A hash in it always names the same text. */
  readonly operation: Buffer
}

type CachedResponse = EncodedResponse & {
  /** The operation's name, for the operation counter. */
  readonly name: string | undefined
  readonly leases: readonly Lease[]
  readonly operation: Buffer
}

type CompletedQuery = {
  readonly sources: ResponseSources
  readonly name: string | undefined
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

export type ResponseCache = {
  keyOf(request: CacheableRequest, header: PositionVector): CacheKey
  /** Returns a response only while each of its leases serves the positions that the key requires. */
  get(key: CacheKey): CachedResponse | undefined
  /**
   * Returns the response to send, and caches it if all that it shows came out of the data cache. To be called only for
   * a query that succeeded without errors.
   */
  put(key: CacheKey, query: CompletedQuery): CachedResponse
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024
/** The share that one response may take. */
const MAX_ENTRY_SHARE = 1 / 16
/** The bytes that a response takes besides its body and its key, about. */
const ENTRY_OVERHEAD = 1024

export function createResponseCache(
  service: string,
  policy: ResponseCachePolicy,
  maxBytes: number = DEFAULT_MAX_BYTES,
): ResponseCache {
  const count = createCounts(service)
  const cached = new LRUCache<string, CachedResponse>({
    maxSize: maxBytes,
    maxEntrySize: maxBytes * MAX_ENTRY_SHARE,
    sizeCalculation: sizeOf,
    dispose: (_response, _key, reason) => reason === 'evict' && count.evicted(),
  })

  /** Makes the cache calculate the size anew, which it does only for another object. */
  function updateSize(key: string, response: CachedResponse): void {
    if (cached.peek(key)?.compressed === response.compressed) cached.set(key, { ...response })
    count.bytes(cached.calculatedSize)
  }

  return {
    keyOf: (request, header) => ({
      key: keyOf(request),
      operation: request.operation,
      required: policy.required(request.viewer, header),
    }),
    get({ key, operation, required }) {
      const found = cached.get(key)
      const isCurrent = found?.operation.equals(operation) && isServable(found, required, policy)
      if (!isCurrent) return void count.miss()
      count.hit()
      return found
    },
    put({ key, operation }, { sources, name, text, headers }) {
      const { leases, uncacheable } = sources
      const body = encodeResponse({
        text,
        headers,
        tagged: true,
        onCompressed: () => updateSize(key, response),
      })
      const response: CachedResponse = { ...body, name, leases: [...leases], operation: copyOf(operation) }
      if (leases.length > 0 && !uncacheable) cached.set(key, response)
      count.bytes(cached.calculatedSize)
      return response
    },
  }
}

function isServable(
  { leases }: CachedResponse,
  required: PositionVector,
  { serves }: ResponseCachePolicy,
): boolean {
  for (const lease of leases) if (!serves(lease, required)) return false
  return true
}

/** Copies the bytes: the original may be a part of something larger, all of which it would keep in memory. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}

/**
 * Keys are equal only for equal requests: headers hold no line breaks, the checksum is a number, and what is left is the
 * subject. An anonymous caller has an empty role.
 */
function keyOf({ viewer, language = '', accept = '', operation }: CacheableRequest): string {
  const { role, subject } = viewer ?? { role: '', subject: '' }
  return `${role}\n${language}\n${accept}\n${crc32(operation)}\n${subject}`
}

function sizeOf({ bytes, compressed, leases, operation }: CachedResponse, key: string): number {
  let size = ENTRY_OVERHEAD + 2 * key.length + operation.length + bytes.length + 200 * leases.length
  for (const variant of compressed.values()) size += variant.bytes.length
  return size
}

type Counts = { hit(): void; miss(): void; evicted(): void; bytes(now: number): void }

function createCounts(service: string): Counts {
  const lookups = counter('waybill_answers_total', 'Requests by whether a cached response was found', [
    'service',
    'outcome',
  ])
  const evictions = counter('waybill_answers_evicted_total', 'Cached responses that were evicted', [
    'service',
  ])
  const size = gauge('waybill_answers_bytes', 'Approximate size of the cached responses', ['service'])
  return {
    hit: deferredCounter(lookups, { service, outcome: 'hit' }),
    miss: deferredCounter(lookups, { service, outcome: 'miss' }),
    evicted: () => evictions.inc({ service }),
    bytes: now => size.set({ service }, now),
  }
}
