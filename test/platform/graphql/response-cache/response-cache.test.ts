import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Role, Viewer } from '#platform/auth/viewer.ts'
import type { Lease } from '#platform/cache/cache.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import {
  type CacheableRequest,
  createResponseCache,
  type ResponseCachePolicy,
} from '#platform/graphql/response-cache/response-cache.ts'

type OwnLease = { at: PositionVector; current: boolean; freshUntil: number }

const policy: ResponseCachePolicy = {
  required: (_viewer, header) => header,
  serves: ({ current, at }, required) =>
    current && Object.entries(required).every(([topic, position]) => (at[topic] ?? 0) >= position),
}
const leaseAt = (orders = 0): OwnLease => ({ at: { orders }, current: true, freshUntil: 1 })
const VIEWER: Viewer = { role: 'customer', subject: 'cus_1' }
const QUERY = Buffer.from('{"query":"{ me }"}')
const ASKER: CacheableRequest = { viewer: VIEWER, language: undefined, accept: undefined, operation: QUERY }

function keeping(maxBytes?: number) {
  const answers = createResponseCache('test', policy, maxBytes)
  const keep = (asker: CacheableRequest, text: string, leases: Lease[], uncacheable = false) =>
    answers.put(answers.keyOf(asker, {}), {
      sources: { leases, uncacheable },
      name: undefined,
      text,
      headers: {},
    })
  const find = (asker: CacheableRequest, required: PositionVector = {}) =>
    answers.get(answers.keyOf(asker, required))?.bytes.toString()
  return { keep, find }
}

/** Two operations that the checksum does not tell apart: there are such among some 100,000. */
function withEqualChecksums(): [Buffer, Buffer] {
  const seen = new Map<number, Buffer>()
  for (let number = 0; ; number++) {
    const operation = Buffer.from(createHash('md5').update(String(number)).digest('hex'))
    const sum = crc32(operation)
    const other = seen.get(sum)
    if (other) return [other, operation]
    seen.set(sum, operation)
  }
}

describe('a response', () => {
  it('is found again by the same request', () => {
    const { keep, find } = keeping()
    keep(ASKER, 'mine', [leaseAt()])
    expect(find(ASKER)).toBe('mine')
  })

  it('is not cached without a lease, nor when part of it was read past the cache', () => {
    const { keep, find } = keeping()
    keep(ASKER, 'from nowhere', [])
    expect(find(ASKER)).toBeUndefined()
    keep(ASKER, 'half cached', [leaseAt()], true)
    expect(find(ASKER)).toBeUndefined()
  })

  it('expires with the first of its leases', () => {
    for (const ended of [0, 1, 2]) {
      const { keep, find } = keeping()
      const leases = [leaseAt(), leaseAt(), leaseAt()]
      keep(ASKER, 'mine', leases)
      expect(find(ASKER)).toBe('mine')
      for (const lease of leases.slice(ended, ended + 1)) lease.current = false
      expect(find(ASKER)).toBeUndefined()
    }
  })

  it('is served only to callers whose required positions it contains', () => {
    const { keep, find } = keeping()
    keep(ASKER, 'at 7', [leaseAt(9), leaseAt(7)])
    expect(find(ASKER, { orders: 8 })).toBeUndefined()
    expect(find(ASKER, { orders: 7 })).toBe('at 7')
  })

  it('differs by viewer, role, language, accepted type and operation', () => {
    const { keep, find } = keeping()
    keep(ASKER, 'mine', [leaseAt()])
    const others: CacheableRequest[] = [
      { ...ASKER, viewer: undefined },
      { ...ASKER, viewer: { ...VIEWER, subject: 'cus_2' } },
      { ...ASKER, viewer: { ...VIEWER, role: 'support' } },
      { ...ASKER, language: 'de' },
      { ...ASKER, accept: 'application/graphql-response+json' },
      { ...ASKER, operation: Buffer.from('{"query":"{ you }"}') },
    ]
    for (const other of others) expect(find(other)).toBeUndefined()
  })

  it('is not served to another operation with the same checksum', () => {
    const [one, another] = withEqualChecksums()
    expect([crc32(one), one.equals(another)]).toEqual([crc32(another), false])
    const { keep, find } = keeping()
    keep({ ...ASKER, operation: one }, 'one', [leaseAt()])
    expect(find({ ...ASKER, operation: another })).toBeUndefined()
    expect(find({ ...ASKER, operation: one })).toBe('one')
  })

  it('is evicted when least recently used, and is not cached when it is too large', () => {
    const room = 160_000
    const { keep, find } = keeping(room)
    const askers = Array.from({ length: 100 }, (_, index) => ({
      ...ASKER,
      operation: Buffer.from(`op ${index}`),
    }))
    for (const asker of askers) keep(asker, 'x'.repeat(4000), [leaseAt()])
    const left = askers.filter(asker => find(asker) !== undefined)
    expect(left.length * 4000).toBeLessThan(room)
    expect(left).toContain(askers.at(-1))
    keep(ASKER, 'x'.repeat(20_000), [leaseAt()])
    expect(find(ASKER)).toBeUndefined()
  })
})

const text = fc.constantFrom('', '\n', '1', 'a', '\na', '1\n', '0\n\n')
const role = fc.constantFrom<Role>('customer', 'support', 'ops', 'service')
// Headers cannot hold a line break.
const header = fc.option(
  text.filter(value => !value.includes('\n')),
  { nil: undefined },
)
const asker: fc.Arbitrary<CacheableRequest> = fc.record({
  viewer: fc.option(fc.record({ role, subject: fc.string({ unit: fc.constantFrom('\n', '0', '1', 'a') }) }), {
    nil: undefined,
  }),
  language: header,
  accept: header,
  operation: text.map(value => Buffer.from(value)),
})

describe('in any order of steps', () => {
  const step = fc.oneof(
    fc.record({
      type: fc.constant('keep' as const),
      asker,
      leases: fc.array(fc.nat(5), { maxLength: 3 }),
      at: fc.nat(3),
      uncacheable: fc.boolean(),
    }),
    fc.record({ type: fc.constant('end' as const), lease: fc.nat(5) }),
    fc.record({ type: fc.constant('find' as const), asker, orders: fc.nat(3) }),
  )
  /** What a request without a header and one with an empty header are told is the same. */
  const identity = ({ viewer, language = '', accept = '', operation }: CacheableRequest) =>
    JSON.stringify([viewer?.role, viewer?.subject, language, accept, String(operation)])

  it('a response is served only to its own caller, while all of its leases are current and new enough', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const { keep, find } = keeping()
        const groups = new Map<number, OwnLease[]>()
        const made = new Map<string, { owner: string; leases: OwnLease[]; uncacheable: boolean }>()
        let count = 0
        for (const one of steps) {
          if (one.type === 'end') {
            for (const lease of groups.get(one.lease) ?? []) lease.current = false
          } else if (one.type === 'keep') {
            const name = `answer ${count++}`
            const leases = one.leases.map(group => {
              const lease = leaseAt(one.at)
              groups.set(group, [...(groups.get(group) ?? []), lease])
              return lease
            })
            made.set(name, { owner: identity(one.asker), leases, uncacheable: one.uncacheable })
            keep(one.asker, name, leases, one.uncacheable)
          } else {
            const found = made.get(find(one.asker, { orders: one.orders }) ?? '')
            if (found === undefined) continue
            expect(found.owner).toBe(identity(one.asker))
            expect(found.uncacheable).toBe(false)
            expect(found.leases.length).toBeGreaterThan(0)
            for (const { current, at } of found.leases) {
              expect(current).toBe(true)
              expect(at.orders).toBeGreaterThanOrEqual(one.orders)
            }
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})
