import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyJson } from '#platform/domain/json.ts'

const value = fc.anything({
  withDate: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: false,
})

test('a copy is what parsing the JSON text would give', () => {
  fc.assert(
    fc.property(value, original => {
      const text = JSON.stringify(original)
      const parsed: unknown = text === undefined ? undefined : JSON.parse(text)
      expect(JSON.stringify(copyJson(original))).toBe(JSON.stringify(parsed))
    }),
  )
})

test('a copy shares nothing with its original', () => {
  const original = { list: [{ a: 1 }], left: undefined }
  const copy = copyJson(original)
  original.list.push({ a: 2 })
  if (original.list[0]) original.list[0].a = 3
  expect(copy).toEqual({ list: [{ a: 1 }] })
  expect('left' in copy).toBe(false)
})
