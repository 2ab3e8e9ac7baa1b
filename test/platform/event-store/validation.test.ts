import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject } from '#platform/domain/json.ts'
import { encodeJson } from '#platform/event-store/validation.ts'

test('a value of plain JSON is exact: parsing its text gives the same again', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), value => {
      fc.pre(!JSON.stringify(value).includes('\\u0000'))
      const { text, isExact } = encodeJson({ ...value } as JsonObject, 'data')
      if (isExact) expect(JSON.parse(text)).toStrictEqual({ ...value })
    }),
  )
  expect(encodeJson({ a: [1, 'x', null, true, { b: [] }] }, 'data').isExact).toBe(true)
})

test.each<[string, object]>([
  ['a member that is undefined', { a: { b: undefined } }],
  ['an element that is undefined', { a: [undefined] }],
  ['a hole in a list', { a: new Array(1) }],
  ['a date', { a: new Date(0) }],
  ['an instance of a class', { a: new Map() }],
  ['a function', { a: () => 1 }],
  ['minus zero', { a: -0 }],
])('%s is not exact', (_, value) => {
  expect(encodeJson(value as JsonObject, 'data').isExact).toBe(false)
})
