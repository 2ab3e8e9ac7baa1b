import type { FetchNode } from '@apollo/query-planner'
import { expect, test } from 'vitest'
import { convertApolloPlan } from '#gateway/planner/apollo-plan.ts'

const fetch = (more: Partial<FetchNode> = {}): FetchNode => ({
  kind: 'Fetch',
  serviceName: 'one',
  operation: '{a}',
  operationName: undefined,
  operationKind: 'query' as FetchNode['operationKind'],
  ...more,
})

test('rewrites of entity fetches start at the response, others at its root fields', () => {
  const outputRewrites = [{ kind: 'KeyRenamer' as const, path: ['... on T', 'a__alias_0'], renameKeyTo: 'a' }]
  const requires = [{ kind: 'Field' as const, name: '__typename' }]
  expect(convertApolloPlan(fetch({ requires, outputRewrites }))).toMatchObject({
    outputRewrites: [
      {
        KeyRenamer: {
          path: [{ Key: '_entities' }, { TypenameEquals: ['T'] }, { Key: 'a__alias_0' }],
          renameKeyTo: 'a',
        },
      },
    ],
  })
  expect(convertApolloPlan(fetch({ outputRewrites }))).toMatchObject({
    outputRewrites: [{ KeyRenamer: { path: [{ TypenameEquals: ['T'] }, { Key: 'a__alias_0' }] } }],
  })
})

test('the fetches for each event follow the subscription', () => {
  const rest = { kind: 'Flatten' as const, path: ['a', '@', 'b'], node: fetch() }
  expect(convertApolloPlan({ kind: 'Subscription', primary: fetch(), rest })).toMatchObject({
    kind: 'Sequence',
    nodes: [{ kind: 'Subscription' }, { kind: 'Flatten', path: [{ Field: 'a' }, '@', { Field: 'b' }] }],
  })
})

test('a plan with steps that the executor does not support is refused', () => {
  expect(() => convertApolloPlan({ kind: 'Defer', primary: {}, deferred: [] })).toThrow('defers')
  const contextRewrites = [{ kind: 'KeyRenamer' as const, path: ['a'], renameKeyTo: 'b' }]
  expect(() => convertApolloPlan(fetch({ contextRewrites }))).toThrow('context')
})
