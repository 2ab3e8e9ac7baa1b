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

test('rewrites of entities begin at the answer, others at its root fields', () => {
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

test('what runs for each event of a subscription comes after it', () => {
  const rest = { kind: 'Flatten' as const, path: ['a', '@', 'b'], node: fetch() }
  expect(convertApolloPlan({ kind: 'Subscription', primary: fetch(), rest })).toMatchObject({
    kind: 'Sequence',
    nodes: [{ kind: 'Subscription' }, { kind: 'Flatten', path: [{ Field: 'a' }, '@', { Field: 'b' }] }],
  })
})

test('what the executor does not carry out is no plan', () => {
  expect(() => convertApolloPlan({ kind: 'Defer', primary: {}, deferred: [] })).toThrow('defers')
  const contextRewrites = [{ kind: 'KeyRenamer' as const, path: ['a'], renameKeyTo: 'b' }]
  expect(() => convertApolloPlan(fetch({ contextRewrites }))).toThrow('context')
})
