// Tests how the units of recent orders are counted.
import { expect, test } from 'vitest'
import { createRecentDemand } from '#subgraphs/orders/commands/recent-demand.ts'

test('the units of the last two seconds count by SKU, and those of four seconds ago no longer', () => {
  let at = 1_000_000
  const demand = createRecentDemand(() => new Date(at))
  const mugs = [
    { sku: 'MUG', quantity: 2 },
    { sku: 'MUG', quantity: 1 },
  ]
  expect([...demand.add(mugs)]).toEqual([['MUG', 3]])
  expect([...demand.add([...mugs, { sku: 'PEN', quantity: 1 }])]).toEqual([
    ['MUG', 6],
    ['PEN', 1],
  ])
  at += 1_999
  expect([...demand.add(mugs)]).toEqual([['MUG', 9]])
  at += 1_999
  expect([...demand.add(mugs)]).toEqual([['MUG', 12]])
  at += 2
  expect([...demand.add(mugs)]).toEqual([['MUG', 6]])
  at += 4_000
  expect([...demand.add(mugs)]).toEqual([['MUG', 3]])
})
