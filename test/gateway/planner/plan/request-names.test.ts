import { expect, test } from 'vitest'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { nameRequests } from '#gateway/planner/plan/request-names.ts'

const fetch = (serviceName: string, operation: string): PlanNode => ({
  kind: 'Fetch',
  serviceName,
  operation,
})
const PLAN: PlanNode = {
  kind: 'Sequence',
  nodes: [
    fetch('orders', '{order{id}}'),
    { kind: 'Parallel', nodes: [fetch('my-stock', 'query($a:Int){a}'), fetch('b', 'mutation{b}')] },
    {
      kind: 'Condition',
      condition: 'yes',
      ifClause: { kind: 'Flatten', path: ['@'], node: fetch('c', 'query{query}') },
    },
  ],
}

test('requests to subgraphs are named after the operation and numbered', () => {
  const texts = JSON.stringify(nameRequests(PLAN, 'Page'))
  expect(texts).toContain('query Page__my_stock__1($a:Int){a}')
  expect(texts).toContain('mutation Page__b__2{b}')
  expect(texts).toContain('"operation":"query Page__c__3{query}","operationName":"Page__c__3"')
  expect(texts).toContain('"{order{id}}"') // the short form has no place for a name
})

test('an operation without a name leaves its requests unnamed', () => {
  expect(nameRequests(PLAN, undefined)).toBe(PLAN)
})

test('a request that already has a name is renamed', () => {
  const named = fetch('articles', 'subscription Published__articles__0{published{id}}')
  expect(nameRequests(named, 'Page')).toMatchObject({
    operation: 'subscription Page__articles__0{published{id}}',
    operationName: 'Page__articles__0',
  })
})
