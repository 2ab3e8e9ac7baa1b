// Tests that the operations that orders sends are valid in the subgraphs that execute them.
import { readdir } from 'node:fs/promises'
import { parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { subgraphSchema } from '#platform/subgraph/schema.ts'
import { OPERATIONS } from '#subgraphs/orders/adapters/operations.ts'

test.each(Object.entries(OPERATIONS))('%s is valid in its subgraph', async (_, { service, document }) => {
  const schema = await subgraphSchema(service, {})
  expect(validate(schema, parse(document)).map(error => error.message)).toEqual([])
})

test('every operation file is used', async () => {
  const files = await readdir(new URL('../../../../subgraphs/orders/adapters/operations', import.meta.url))
  expect(files).toHaveLength(Object.keys(OPERATIONS).length)
})
