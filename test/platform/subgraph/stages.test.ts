import { expect, test } from 'vitest'
import { createStages } from '#platform/subgraph/stages.ts'

const stages = createStages<'NEW' | 'PAID' | 'DONE' | 'LOST'>(['DONE', 'LOST'])

test('statuses that have ended are stages of their own, and the others are open', () => {
  expect((['NEW', 'PAID', 'DONE', 'LOST'] as const).map(stages.of)).toEqual(['OPEN', 'OPEN', 'DONE', 'LOST'])
})

test('documents are filtered by their stage, and by their status where open ones are among them', () => {
  expect(stages.filters(['DONE', 'LOST'])).toEqual([{ path: 'stage', in: ['DONE', 'LOST'] }])
  expect(stages.filters(['NEW', 'PAID', 'DONE'])).toEqual([
    { path: 'stage', in: ['OPEN', 'DONE'] },
    { path: 'status', in: ['NEW', 'PAID', 'DONE'] },
  ])
  expect(stages.filters([])).toEqual([{ path: 'stage', in: [] }])
})
