// Delta sync step by step: what the phone's copy changes, what it drops, and where it stands afterwards.
import { describe, expect, test } from 'vitest'
import type { SyncState } from '#bff-mobile/sync/sync-cursor.ts'
import { LISTED_DAYS, listedSince, type SyncInput, syncDelta } from '#bff-mobile/sync/sync-delta.ts'
import type { OrderStatus } from '#schema/generated/bff-mobile-operations.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z') / 1000
const DAY = 24 * 3600
const received = { orders: 50, inventory: 40, payment: 30, shipping: 20 }
const from: SyncState = {
  positions: { orders: 10, inventory: 8, payment: 6, shipping: 4 },
  prunedTo: NOW - DAY,
}

const at = (seconds: number) => new Date(seconds * 1000).toISOString()
function order(id: string, status: OrderStatus, daysAgo: number, updatedAt = NOW) {
  return {
    id,
    number: id,
    reference: null,
    status,
    awaitingApproval: false,
    cancellationRequested: false,
    cancellation: null,
    lines: [],
    total: { amount: '1.00', currency: 'USD' },
    refunded: { amount: '0.00', currency: 'USD' },
    debts: [],
    customer: { id: 'cus_1' },
    placedAt: at(NOW - daysAgo * DAY),
    updatedAt: at(updatedAt),
  }
}

function step(
  changes: Partial<SyncInput['answer']['orderChanges']>,
  others: Partial<SyncInput> = {},
  left?: string[],
) {
  const orderChanges = { nodes: [], position: '45', hasMore: false, ...changes }
  const page = { nodes: (left ?? []).map(id => ({ id })), pageInfo: { hasNextPage: false } }
  const { changed, ...rest } = syncDelta({
    from,
    received,
    nowS: NOW,
    answer: { orderChanges, ...(left && { left: page }) },
    ...others,
  })
  return { changed: changed.map(({ id }) => id), ...rest }
}

describe('a sync delta', () => {
  const nodes = [
    order('recent', 'COMPLETED', 399),
    order('old', 'COMPLETED', 401),
    order('old-cancelled', 'CANCELLED', 401),
    order('old-returned', 'RETURNED', 401),
    order('old-under-way', 'SHIPPED', 401),
    order('edge', 'COMPLETED', LISTED_DAYS),
  ]

  test('contains the orders of the list, and removes those that ended after their time', () => {
    expect(step({ nodes })).toMatchObject({
      changed: ['recent', 'old-under-way', 'edge'],
      removed: ['old', 'old-cancelled', 'old-returned'],
    })
  })

  test('contains no order that was never listed, when the copy begins anew', () => {
    expect(step({ nodes }, { from: undefined })).toMatchObject({
      changed: ['recent', 'old-under-way', 'edge'],
      removed: [],
    })
  })

  test('removes orders that left the list by age, but none that the same response lists', () => {
    const removed = step({ nodes: [order('a', 'SHIPPED', 401)] }, {}, ['a', 'b']).removed
    expect(removed).toEqual(['b'])
  })

  test('removes only orders that an earlier page may have contained, while the copy is filled', () => {
    const filling = { ...from, fillingSince: NOW - 60 }
    const pages = [order('ancient', 'COMPLETED', 500, NOW - 5 * DAY), order('just-ended', 'COMPLETED', 500)]
    expect(step({ nodes: pages }, { from: filling }).removed).toEqual(['just-ended'])
    expect(step({ nodes: pages }).removed).toEqual(['ancient', 'just-ended'])
  })
})

describe('the cursor after a delta', () => {
  test('is not past what the view showed and the bus had delivered', () => {
    expect(step({ position: '45' }).next).toEqual({ positions: { ...received, orders: 45 }, prunedTo: NOW })
  })

  test('is not past the bus, from which live changes continue', () => {
    expect(step({ position: '60' }).next.positions.orders).toBe(50)
  })

  test('is past the bus while there are more pages, so that every page makes progress', () => {
    expect(step({ position: '60', hasMore: true }).next.positions.orders).toBe(60)
  })

  test('never moves back, even on a process that has received less', () => {
    const { next } = step({ position: '9' }, { received: { orders: 3 } })
    expect(next.positions).toEqual(from.positions)
  })

  test('keeps the start of the fill until the last page', () => {
    const first = step({ hasMore: true }, { from: undefined }).next
    expect(first.fillingSince).toBe(NOW)
    const second = step({ hasMore: true }, { from: first, nowS: NOW + 5 }).next
    expect(second.fillingSince).toBe(NOW)
    expect(step({}, { from: second, nowS: NOW + 9 }).next).not.toHaveProperty('fillingSince')
  })

  test('an order leaves the list 400 days after it was placed', () => {
    expect(listedSince(NOW)).toBe('2025-10-17T12:00:00.000Z')
  })
})
