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

test('asks for the most used, one after the other, and for no more than it should', async () => {
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

test('goes on after one that the planner breaks on', async () => {
  const next = recorded(async text => {
    if (text === 'a') throw new Error('the planner breaks on it')
    return UNREADY
  })
  const { signal } = new AbortController()
  expect(await warmUp(next, used('a', 'b'), { bounds: BOUNDS, signal })).toMatchObject({ refused: 2 })
})

test('waits for nothing once its time is over, or once it is told to stop', async () => {
  const next = recorded(() => new Promise(() => {}))
  const { signal } = new AbortController()
  const late = await warmUp(next, used('a', 'b'), { bounds: { ...BOUNDS, ms: 20 }, signal })
  expect(late).toEqual({ warmed: 0, refused: 0, left: 2 })
  const stop = new AbortController()
  const stopped = warmUp(next, used('a', 'b'), { bounds: BOUNDS, signal: stop.signal })
  stop.abort()
  expect(await stopped).toEqual({ warmed: 0, refused: 0, left: 2 })
})
