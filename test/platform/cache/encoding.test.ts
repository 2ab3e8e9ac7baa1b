import { deflateRawSync } from 'node:zlib'
import { encode as pack } from '@msgpack/msgpack'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, encode } from '#platform/cache/encoding.ts'

const ORDER = {
  value: {
    id: 'ord_1',
    lines: Array.from({ length: 80 }, (_, line) => ({ sku: `mug-${line}`, quantity: 2 })),
  },
  at: { orders: 812, payment: 340 },
  tags: ['order:ord_1'],
  bornAt: 1_790_000_000_000,
}

test('any value is decoded as it was encoded', () => {
  const json = fc.jsonValue().filter(value => !JSON.stringify(value).includes('"__proto__"'))
  const value = fc.oneof(
    json,
    fc.uint8Array({ maxLength: 1_500 }),
    fc.string({ unit: 'binary', maxLength: 200 }),
  )
  const stored = fc.record({
    value,
    at: fc.dictionary(fc.constantFrom('orders', 'payment'), fc.nat()),
    tags: fc.array(fc.string({ unit: 'grapheme', maxLength: 20 })),
    bornAt: fc.nat(),
  })
  fc.assert(
    fc.property(stored, given => {
      const read = decode(encode(given))
      expect(JSON.stringify(read)).toBe(JSON.stringify({ ...given, at: { ...given.at } }))
      if (given.value instanceof Uint8Array) expect(read?.value).toEqual(given.value)
    }),
    { numRuns: 200 },
  )
})

test('"not there" differs from null, and undefined members are left out', () => {
  expect(decode(encode({ ...ORDER, value: undefined }))?.value).toBeUndefined()
  expect(decode(encode({ ...ORDER, value: null }))?.value).toBeNull()
  expect(decode(encode({ ...ORDER, value: { a: 1, b: undefined } }))?.value).toEqual({ a: 1 })
})

test('a large value takes much less room than its JSON', () => {
  expect(encode(ORDER).byteLength).toBeLessThan(JSON.stringify(ORDER).length / 4)
})

test('bytes that the encoder did not write are unreadable', () => {
  const whole = encode(ORDER)
  const junk = [
    new Uint8Array(),
    new Uint8Array([9, ...whole.subarray(1)]),
    whole.subarray(0, whole.byteLength - 5),
    new Uint8Array([1, ...pack({ value: 1 })]),
    new Uint8Array([1, ...pack([1, { orders: 'x' }, [], [1]])]),
    new Uint8Array([1, ...pack([1, {}, [1], [1]])]),
    new Uint8Array([1, ...pack(['1', {}, [], [1]])]),
    new Uint8Array([2, ...deflateRawSync(new Uint8Array(40 * 1024 * 1024))]),
  ]
  for (const bytes of junk) expect(decode(bytes)).toBeUndefined()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => void decode(bytes)))
})
