import { afterAll, beforeAll, expect, test } from 'vitest'
import { openReadModels } from '#platform/read-models/open.ts'
import { readModelsContract } from '#test/platform/read-models/read-models.contract.ts'
import type { RunningEngine } from '#testbed/engines/engine.ts'
import { findMongodb, freshMongodb } from '#testbed/engines/mongodb.ts'

const found = findMongodb()

if (!found) {
  test.skip('read models on MongoDB: skipped, because MONGODB_URL is not set, and mongod is not on PATH', () => {})
} else {
  let server: RunningEngine
  let url: string
  beforeAll(async () => {
    server = await found.start()
    url = freshMongodb(server)
  })
  afterAll(() => server[Symbol.asyncDispose]())
  readModelsContract(found.version, () => openReadModels(url))
}

test('a MongoDB that does not answer is an operator error without the password', async () => {
  const url = 'mongodb://user:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=50'
  const error: unknown = await openReadModels(url).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'READ_MODELS_UNREACHABLE' })
  expect(String(error)).not.toContain('secret')
})
