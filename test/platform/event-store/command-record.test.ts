import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '#platform/domain/json.ts'
import { fingerprint } from '#platform/event-store/command-record.ts'

function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffled(member ?? null)]),
  )
}

test('equal bodies have equal fingerprints, whatever the order of their fields', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const body = JSON.parse(JSON.stringify(value)) as Json
      expect(fingerprint(shuffled(body))).toBe(fingerprint(body))
    }),
  )
})

test('other bodies have other fingerprints', () => {
  const bodies: Json[] = [
    null,
    0,
    '0',
    [],
    {},
    [0],
    { a: 0 },
    { a: [0] },
    [[0]],
    { a: { b: 0 } },
    { b: { a: 0 } },
  ]
  expect(new Set(bodies.map(fingerprint)).size).toBe(bodies.length)
})

test('a body has the fingerprint that earlier builds have stored of it', () => {
  const body = { mutation: 'x', body: { b: [1, { d: null, c: 'é' }], a: undefined, 10: true, 9: false } }
  expect(fingerprint(body)).toBe('c29762e7ef3cc4ff15728200c04cceb2b8ac7ff4fd0bb0eda70d6106bcd2d4db')
})
