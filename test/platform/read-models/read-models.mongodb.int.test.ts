import { afterAll, beforeAll, expect, test } from 'vitest'
import { openReadModels } from '#platform/read-models/open.ts'
import { findMongodb, type TestMongodb } from '#test/platform/read-models/mongodb.ts'
import { readModelsContract } from '#test/platform/read-models/read-models.contract.ts'

const source = findMongodb()

if ('missing' in source) {
  test.skip(`read models on MongoDB: skipped, because ${source.missing}`, () => {})
} else {
  let server: TestMongodb
  beforeAll(async () => {
    server = await source.start()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  readModelsContract('MongoDB', () => openReadModels(server.url))
}

test('a MongoDB that does not answer is an operator error without the password', async () => {
  const url = 'mongodb://user:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=50'
  const error: unknown = await openReadModels(url).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'READ_MODELS_UNREACHABLE' })
  expect(String(error)).not.toContain('secret')
})
