import { expect, it } from 'vitest'
import { createConsistentReadLimit } from '#bff/pages/consistent-read-limit.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { createRequestContext } from '#platform/graphql/context.ts'

const contextOf = (subject: string) =>
  createRequestContext({
    viewer: { subject, role: 'customer' },
    token: undefined,
    requestId: 'r',
    traceparent: undefined,
    required: {},
  })

const AHEAD: PositionVector = { orders: 9 }

function setUp() {
  const readAhead = createConsistentReadLimit(() => ({ orders: 5 }))
  const ends: (() => void)[] = []
  const read = (required: PositionVector) =>
    new Promise<PositionVector>(resolve => ends.push(() => resolve(required)))
  const operation = (subject: string, required = AHEAD) => {
    const context = contextOf(subject)
    return { context, read: () => readAhead(context, required, read) }
  }
  return { operation, end: () => ends.splice(0).map(end => end()) }
}

it('a caller may have eight operations ahead of the bus, each with any number of reads', async () => {
  const { operation, end } = setUp()
  const eight = Array.from({ length: 8 }, () => operation('ann'))
  const reads = eight.flatMap(({ read }) => [read(), read(), read()])
  const ninth = operation('ann')
  const late = ninth.read()
  const others = operation('bob').read()
  end()
  expect(await Promise.all(reads)).toEqual(Array(24).fill(AHEAD))
  expect([await late, ninth.context.consistency.stale]).toEqual([{}, ['orders']])
  expect(await others).toEqual(AHEAD)
  const next = operation('ann').read()
  end()
  expect(await next).toEqual(AHEAD)
})

it('reads that the bus has caught up with do not count', async () => {
  const { operation, end } = setUp()
  const within = Array.from({ length: 50 }, () => operation('ann', { orders: 5 }).read())
  end()
  expect(await Promise.all(within)).toEqual(Array(50).fill({ orders: 5 }))
})

it('all callers together may have 256 operations ahead of the bus', async () => {
  const { operation, end } = setUp()
  const all = Array.from({ length: 300 }, (_, index) => operation(`caller ${index}`).read())
  end()
  const given = await Promise.all(all)
  expect(given.filter(required => required.orders === 9)).toHaveLength(256)
})
