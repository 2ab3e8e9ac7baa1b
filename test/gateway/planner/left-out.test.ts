import { parse } from 'graphql'
import { expect, test } from 'vitest'
import type { PlanNode } from '#gateway/executor/plan.ts'
import { leftOut } from '#gateway/planner/left-out.ts'

const ASKED = parse('{ __typename a { b ... on T { c: d } } }')
const fetch = (operation: string): PlanNode => ({ kind: 'Fetch', serviceName: 'one', operation })
const entities = (selected: string): PlanNode => ({
  kind: 'Flatten',
  path: [{ Field: 'a' }, '@'],
  node: fetch(`query($r:[_Any!]!){_entities(representations:$r){...on T{${selected}}}}`),
})

test('nothing, when requests ask for all, wherever they do', () => {
  expect(leftOut(ASKED, fetch('{a{__typename id b ...on T{c:d}}}'))).toBeUndefined()
  const inTwo: PlanNode = { kind: 'Sequence', nodes: [fetch('{a{b}}'), entities('c:d')] }
  expect(leftOut(ASKED, inTwo)).toBeUndefined()
  const renamed: PlanNode = { kind: 'Parallel', nodes: [fetch('{a{b}}'), entities('c__alias_0:d')] }
  expect(leftOut(ASKED, renamed)).toBeUndefined()
})

test('the first field that none asks for', () => {
  expect(leftOut(ASKED, undefined)).toBe('.a')
  expect(leftOut(ASKED, fetch('{a{c}}'))).toBe('.a.b')
  expect(leftOut(ASKED, { kind: 'Sequence', nodes: [fetch('{a{b}}'), entities('d')] })).toBe('.a.c')
})
