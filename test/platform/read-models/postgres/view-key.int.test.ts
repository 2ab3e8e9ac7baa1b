import fc from 'fast-check'
import { expect, test } from 'vitest'
import { storableJson } from '#platform/postgres/pool.ts'
import { sortValue } from '#platform/read-models/page-cursor.ts'
import { prepareSchema } from '#platform/read-models/postgres/schema.ts'
import { KEYED_LENGTH, viewKey } from '#platform/read-models/postgres/view-key.ts'
import { freshDatabase, queryDatabase } from '#test/fixtures/databases.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('a', '\0', '\ud800', '\udc00', '🦊', 'é', '\uffff', '\n', '"', '\\') }),
  fc.integer({ min: KEYED_LENGTH - 2, max: KEYED_LENGTH + 2 }).map(length => '🦊'.repeat(length)),
  fc.integer({ min: KEYED_LENGTH - 2, max: KEYED_LENGTH + 2 }).map(length => `${'x'.repeat(length)}🦊\ud83e`),
)
const number = fc.oneof(
  fc
    .double({ min: -1e300, max: 1e300, noNaN: true })
    .filter(value => value === 0 || Math.abs(value) > 1e-300),
  fc.integer(),
  fc.constantFrom(0, -0, 0.1, -0.1, Number.MAX_SAFE_INTEGER, Number.NaN, Number.POSITIVE_INFINITY),
)
const value = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constant([1]), fc.constant({ a: 1 }))

test('the key of a value is what the function in the database computes of its document', async () => {
  const url = await freshDatabase()
  await prepareSchema(url)
  const docs = [
    ...fc.sample(value, 5_000).map(leaf => ({ outer: { leaf } })),
    {},
    { outer: null },
    { outer: [{ leaf: 1 }] },
    { outer: 'leaf' },
    { outer: { leaf: undefined } },
  ]
  const rows = await queryDatabase<{ key: string }>(
    url,
    `SELECT read_models.view_key(doc::jsonb #> '{outer,leaf}') AS key FROM unnest($1::text[]) WITH ORDINALITY AS d (doc, n) ORDER BY n`,
    [docs.map(storableJson)],
  )
  expect(docs.map(doc => viewKey(sortValue(doc, 'outer.leaf')))).toEqual(rows.map(({ key }) => key))
})

test('keys sort as their values do: nothing, numbers, strings by code point, false, true', () => {
  const rank = (one: unknown) => ['object', 'number', 'string', 'boolean'].indexOf(typeof one)
  const before = (one: unknown, other: unknown) => {
    if (rank(one) !== rank(other)) return rank(one) < rank(other)
    if (typeof one === 'string' && typeof other === 'string')
      return Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0
    return typeof one !== 'object' && Number(one) < Number(other)
  }
  const leaf = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  )
  fc.assert(
    fc.property(leaf, leaf, (one, other) => {
      const order = Buffer.compare(Buffer.from(viewKey(one)), Buffer.from(viewKey(other)))
      expect(order < 0).toBe(before(one, other))
    }),
    { numRuns: 3_000 },
  )
})
