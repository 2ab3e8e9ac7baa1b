import { expect, test } from 'vitest'
import { createStages } from '#platform/subgraph/stages.ts'

const stages = createStages<'NEW' | 'PAID' | 'DONE' | 'LOST'>(['DONE', 'LOST'])

test('statuses that have ended are stages of their own, and the others are open', () => {
  expect((['NEW', 'PAID', 'DONE', 'LOST'] as const).map(stages.of)).toEqual(['OPEN', 'OPEN', 'DONE', 'LOST'])
})

test('documents are filtered by their stage, and the open ones by their status as well', () => {
  expect(stages.filters(['DONE', 'LOST'])).toEqual([{ path: 'stage', in: ['DONE', 'LOST'] }])
  expect(stages.filters(['NEW', 'PAID', 'DONE'])).toEqual([
    { path: 'stage', in: ['OPEN', 'DONE'] },
    { path: 'status', in: ['NEW', 'PAID', 'DONE', 'LOST'] },
  ])
  expect(stages.filters([])).toEqual([{ path: 'stage', in: [] }])
})
