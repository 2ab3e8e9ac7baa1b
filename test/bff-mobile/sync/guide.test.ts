// The operations of the guide for app developers are ones that the mobile graph has.
import { readFileSync } from 'node:fs'
import { buildSchema, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { blocksOf, readPage } from '#test/docs/pages.ts'

const schema = buildSchema(
  readFileSync(new URL('../../../schema/bff-mobile.graphql', import.meta.url), 'utf8'),
)
const script = readFileSync(new URL('../../../docs/sync-orders.mjs', import.meta.url), 'utf8')
const operations = [
  ...blocksOf(readPage('docs/how-to/mobile-sync.md')).flatMap(({ language, text }) =>
    language === 'graphql' ? text : [],
  ),
  /`(query .*?)`/s.exec(script)?.[1] ?? '',
]

test('the guide shows a query and two subscriptions', () => {
  expect(operations).toHaveLength(3)
})

test.each(operations)('the graph takes %s', operation => {
  expect(validate(schema, parse(operation))).toEqual([])
})
