import { GraphQLError, OperationTypeNode } from 'graphql'
import { expect, test } from 'vitest'
import { createOperationCache } from '#gateway/operations/operation-cache.ts'
import type { PrepareResult } from '#gateway/operations/prepared-operation.ts'

const REFUSED: PrepareResult = { errors: [new GraphQLError('no')] }
const RUNS: PrepareResult = {
  name: undefined,
  kind: OperationTypeNode.QUERY,
  run() {},
  write: () => '{}',
  source: undefined,
  coerce: variables => ({ variables }),
  introspect: undefined,
  unauthorized: undefined,
  estimate: () => {
    throw new Error('nobody asks what it costs')
  },
}

function recorded() {
  const made: string[] = []
  const told: string[] = []
  const operations = createOperationCache(
    async ({ text, name }) => {
      made.push(name === undefined ? text : `${name} of ${text}`)
      if (text === 'unplannable') throw new Error('no plan')
      return text.startsWith('{') ? RUNS : REFUSED
    },
    {
      cached: () => void told.push('known'),
      prepared: seconds => void told.push(seconds >= 0 ? 'made' : 'never'),
    },
  )
  return { made, told, operations }
}

test('an operation is prepared once for its text and name, whether it is valid or not', async () => {
  const { made, told, operations } = recorded()
  const [one, other] = [operations.prepare('{ a }', undefined), operations.prepare('{ a }', undefined)]
  expect(await one).toBe(RUNS)
  expect(await other).toBe(RUNS)
  expect(operations.prepare('{ a }', undefined)).toBe(RUNS)
  await operations.prepare('{ a }', 'A')
  expect(await operations.prepare('wrong', undefined)).toBe(REFUSED)
  expect(operations.prepare('wrong', undefined)).toBe(REFUSED)
  expect(made).toEqual(['{ a }', 'A of { a }', 'wrong'])
  expect(told).toEqual(['made', 'known', 'made', 'made', 'known'])
})

test('an operation that could not be planned is planned again at the next request', async () => {
  const { made, operations } = recorded()
  for (let time = 0; time < 2; time++)
    await expect(operations.prepare('unplannable', undefined)).rejects.toThrow('no plan')
  expect(made).toHaveLength(2)
  expect(operations.mostUsed(1)).toEqual([])
})

test('the cache lists the most used of the operations that can be run', async () => {
  const { operations } = recorded()
  for (const text of [
    '{ a }',
    '{ b }',
    '{ b }',
    '{ c }',
    '{ c }',
    '{ c }',
    'wrong',
    'wrong',
    'wrong',
    'wrong',
  ])
    await operations.prepare(text, undefined)
  await operations.prepare('{ b }', 'B')
  expect(operations.mostUsed(2)).toEqual([
    { text: '{ c }', name: undefined },
    { text: '{ b }', name: undefined },
  ])
  expect(operations.mostUsed(10)).toHaveLength(4)
})

test('the cache holds a bounded number of characters and evicts older texts for new ones', async () => {
  const { made, operations } = recorded()
  const long = (letter: string) => `{ ${letter.repeat(10_000_000)} }`
  for (const letter of ['a', 'b', 'c', 'd', 'a']) await operations.prepare(long(letter), undefined)
  expect(made.map(text => text[2])).toEqual(['a', 'b', 'c', 'd', 'a'])
  await operations.prepare(long('d'), undefined)
  expect(made).toHaveLength(5)
})
