// Whole answers of queries, kept in this process for the caller that got them while what they are made of is current.
import { LRUCache } from 'lru-cache'
import type { Viewer } from '#platform/auth/viewer.ts'
import type { Lease, Vector } from '#platform/cache/cache.ts'
import { type Answer, createAnswer } from '#platform/graphql/answers-body.ts'
import type { ConsistencyToken } from '#platform/graphql/consistency.ts'
import type { AnswerSources } from '#platform/graphql/context.ts'
import { counter, gauge, tally } from '#platform/telemetry/metrics.ts'

/** Decides whether what an answer is made of may still be shown. Asked at every hit, so it must be quick. */
export type AnswerPolicy = {
  /** What `viewer` must see, given the consistency header that it sent. */
  required(viewer: Viewer | undefined, header: ConsistencyToken): ConsistencyToken
  /** Never again true once it was false for what nobody requires anything of. */
  serves(lease: Lease, required: Vector): boolean
}

/** A request as far as its answer depends on it; `key` covers all of it but `required`. */
export type Question = { readonly key: string; readonly required: Vector }

/** All that an answer may depend on besides what is read for it. */
export type Asker = {
  readonly viewer: Viewer | undefined
  readonly language: string | undefined
  /** The Accept header, which chooses the content type. */
  readonly accept: string | undefined
  /** The body of a POST or the query string of a GET, as it came. A hash in it names one text for good. */
  readonly operation: string
}

export type KeptAnswer = Answer & {
  /** For the count of operations. */
  readonly name: string | undefined
  readonly leases: readonly Lease[]
}

export type Finished = {
  readonly sources: AnswerSources
  readonly name: string | undefined
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

export type Answers = {
  ask(asker: Asker, header: ConsistencyToken): Question
  /** Only while each of its leases serves what the question requires. */
  find(question: Question): KeptAnswer | undefined
  /**
   * The answer of a query without errors, as it is to be sent; kept if all that it shows came out of the cache. Call it
   * for nothing else.
   */
  keep(question: Question, finished: Finished): KeptAnswer
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024
/** One answer's share of them. */
const LARGEST = 1 / 16
/** What an answer takes besides its bytes and its key, about. */
const OVERHEAD = 1024

export function createAnswers(
  service: string,
  policy: AnswerPolicy,
  maxBytes: number = DEFAULT_MAX_BYTES,
): Answers {
  const count = createCounts(service)
  const kept = new LRUCache<string, KeptAnswer>({
    maxSize: maxBytes,
    maxEntrySize: maxBytes * LARGEST,
    sizeCalculation: sizeOf,
    dispose: (_answer, _key, reason) => reason === 'evict' && count.evicted(),
  })

  /** Weighed anew: a value that is the same object would not be. */
  function weigh(key: string, answer: KeptAnswer): void {
    if (kept.peek(key)?.packed === answer.packed) kept.set(key, { ...answer })
    count.bytes(kept.calculatedSize)
  }

  return {
    ask: (asker, header) => ({ key: keyOf(asker), required: policy.required(asker.viewer, header) }),
    find({ key, required }) {
      const found = kept.get(key)
      const stands = found !== undefined && served(found, required, policy)
      if (!stands) return void count.missed()
      count.hit()
      return found
    },
    keep({ key }, { sources, name, text, headers }) {
      const { leases, uncacheable } = sources
      const body = createAnswer({ text, headers, tagged: true, onPacked: () => weigh(key, answer) })
      const answer: KeptAnswer = { ...body, name, leases: [...leases] }
      if (leases.length > 0 && !uncacheable) kept.set(key, answer)
      count.bytes(kept.calculatedSize)
      return answer
    },
  }
}

function served({ leases }: KeptAnswer, required: Vector, { serves }: AnswerPolicy): boolean {
  for (const lease of leases) if (!serves(lease, required)) return false
  return true
}

/**
 * Equal only for equal askers: headers hold no line breaks, and the subject, which may, brings its length. Nobody's
 * role is no role.
 */
function keyOf({ viewer, language = '', accept = '', operation }: Asker): string {
  const { role, subject } = viewer ?? { role: '', subject: '' }
  return `${role}\n${language}\n${accept}\n${subject.length}\n${subject}${operation}`
}

function sizeOf({ bytes, packed, leases }: KeptAnswer, key: string): number {
  let size = OVERHEAD + 2 * key.length + bytes.length + 200 * leases.length
  for (const variant of packed.values()) size += variant.bytes.length
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
    hit: tally(asked, { service, outcome: 'hit' }),
    missed: tally(asked, { service, outcome: 'miss' }),
    evicted: () => evictions.inc({ service }),
    bytes: now => size.set({ service }, now),
  }
}
