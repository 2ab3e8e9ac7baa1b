import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cloneJson } from '#gateway/executor/clone-json.ts'
import { isObject } from '#platform/domain/json.ts'

/** Returns all objects and lists within a value. */
function partsOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(partsOf)]
}

test('a copy equals its original and shares no object or list with it', () => {
  fc.assert(
    fc.property(fc.json(), text => {
      const source: unknown = JSON.parse(text)
      if (!isObject(source)) return
      const copy = cloneJson(source)
      expect(JSON.stringify(copy)).toBe(JSON.stringify(source))
      const parts = new Set(partsOf(source))
      expect(partsOf(copy).filter(part => parts.has(part))).toEqual([])
    }),
  )
})

test('a key that names the prototype is copied like any other', () => {
  const copy = cloneJson(JSON.parse('{"__proto__":{"a":1},"b":2}'))
  expect(JSON.stringify(copy)).toBe('{"__proto__":{"a":1},"b":2}')
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
})
