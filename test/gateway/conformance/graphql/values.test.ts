// Tests values of subgraphs in the response: valid ones pass, any other is null with an error.
import { afterAll, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

const values = await federate({
  any: {
    sdl: `${FEDERATION_2}
      scalar JSON
      type Query { int: Int float: Float text: String id: ID flag: Boolean json: JSON ints: [Int] must: [Int!] }`,
  },
  other: { sdl: `${FEDERATION_2} type Query { other: Int }` },
})
afterAll(() => values[Symbol.asyncDispose]())

test.each<[string, unknown, unknown]>([
  ['int', 2147483647, 2147483647],
  ['int', -2147483648, -2147483648],
  ['int', -0, 0],
  ['float', 1e21, 1e21],
  ['float', 0.1, 0.1],
  ['float', 7, 7],
  ['text', '"\\ \u2028\ud83d\ude00', '"\\ \u2028\ud83d\ude00'],
  ['id', 7, '7'],
  ['id', 'x', 'x'],
  ['flag', false, false],
  ['json', { a: [1, null, { b: 'c' }] }, { a: [1, null, { b: 'c' }] }],
  ['json', 0, 0],
  ['ints', [], []],
  ['ints', [1, null], [1, null]],
])('%s may be %j', async (field, given, shown) => {
  const { data, errors } = await values.ask(`{ ${field} }`, {}, () => ({ data: { [field]: given } }))
  expect(data).toEqual({ [field]: shown })
  expect(errors).toBeUndefined()
})

test.each<[string, unknown]>([
  ['int', 2147483648],
  ['int', 1.5],
  ['int', '7'],
  ['int', true],
  ['int', [1]],
  ['float', '1'],
  ['text', { a: 1 }],
  ['text', ['a']],
  ['id', {}],
  ['flag', 1],
  ['flag', 'true'],
  ['ints', 7],
  ['ints', { 0: 1 }],
])('%s cannot be %j', async (field, given) => {
  const { data, errors } = await values.ask(`{ ${field} }`, {}, () => ({ data: { [field]: given } }))
  expect(data).toEqual({ [field]: null })
  expect(errors?.map(({ path }) => path)).toEqual([[field]])
})

test('an invalid value nulls no more than it must', async () => {
  const { data, errors } = await values.ask('{ ints must int }', {}, () => ({
    data: { ints: [1, 'two', 3], must: [1, 'two', 3], int: 4 },
  }))
  expect(data).toEqual({ ints: [1, null, 3], must: null, int: 4 })
  expect(errors?.map(({ path }) => path)).toEqual([
    ['ints', 1],
    ['must', 1],
  ])
})

test('fields that a subgraph returns without request are ignored', async () => {
  const { data } = await values.ask('{ int }', {}, () => ({
    data: { int: 1, float: 2, __proto__: { text: 'x' } },
  }))
  expect(data).toEqual({ int: 1 })
})
