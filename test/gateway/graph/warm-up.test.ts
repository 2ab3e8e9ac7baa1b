import { GraphQLError } from 'graphql'
import { expect, test } from 'vitest'
import { warmUp } from '#gateway/graph/warm-up.ts'
import type { OperationCache } from '#gateway/operations/operation-cache.ts'

const BOUNDS = { operations: 10, ms: 10_000 }
const UNREADY = { errors: [new GraphQLError('no')] }
const used = (...texts: string[]): Pick<OperationCache, 'mostUsed'> => ({
  mostUsed: limit => texts.slice(0, limit).map(text => ({ text, name: undefined })),
})

function recorded(prepare: (text: string) => Promise<typeof UNREADY>) {
  const asked: string[] = []
  return {
    asked,
    prepare(text: string) {
      asked.push(text)
      return prepare(text)
    },
  }
}

test('the warm-up plans the most used operations one after the other, up to its limit', async () => {
  let atOnce = 0
  const next = recorded(async () => {
    expect(++atOnce).toBe(1)
    await new Promise(setImmediate)
    atOnce--
    return UNREADY
  })
  const bounds = { ...BOUNDS, operations: 2 }
  const warm = await warmUp(next, used('a', 'b', 'c'), { bounds, signal: new AbortController().signal })
  expect(warm).toEqual({ warmed: 0, refused: 2, left: 0 })
  expect(next.asked).toEqual(['a', 'b'])
})

test('the warm-up continues after an operation that crashes the planner', async () => {
  const next = recorded(async text => {
    if (text === 'a') throw new Error('the planner breaks on it')
    return UNREADY
  })
  const { signal } = new AbortController()
  expect(await warmUp(next, used('a', 'b'), { bounds: BOUNDS, signal })).toMatchObject({ refused: 2 })
})

test('the warm-up ends at once when its time is over or when it is aborted', async () => {
  const next = recorded(() => new Promise(() => {}))
  const { signal } = new AbortController()
  const late = await warmUp(next, used('a', 'b'), { bounds: { ...BOUNDS, ms: 20 }, signal })
  expect(late).toEqual({ warmed: 0, refused: 0, left: 2 })
  const stop = new AbortController()
  const stopped = warmUp(next, used('a', 'b'), { bounds: BOUNDS, signal: stop.signal })
  stop.abort()
  expect(await stopped).toEqual({ warmed: 0, refused: 0, left: 2 })
})
