import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openReadModels } from '#platform/read-models/open.ts'
import { openMongodbServer } from '#platform/read-models/server.mongodb.ts'
import { type RunningEngine, whyMissing } from '#test/engines/engine.ts'
import { freshMongodb, mongodb, startFerretdb } from '#test/engines/mongodb.ts'
import { readModelsContract } from '#test/platform/read-models/read-models.contract.ts'

const found = mongodb.find()
const isOurs = found?.from !== 'MONGODB_URL'

const missing = whyMissing(mongodb)

describe.skipIf(missing)(missing ? `on MongoDB (skipped: ${missing})` : `on ${found?.version}`, () => {
  let server: RunningEngine
  let url: string
  beforeAll(async () => {
    if (found) server = await found.start()
    url = freshMongodb(server)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  readModelsContract('MongoDB', () => openReadModels(url))

  test('the URL says what writes wait for and who is read from; writes wait for a majority otherwise', async () => {
    await using usual = await openMongodbServer(url)
    expect(usual.db.writeConcern).toEqual({ w: 'majority' })
    await using told = await openMongodbServer(
      `${url}?w=1&wtimeoutMS=500&readPreference=nearest&retryWrites=false`,
    )
    expect(told.db.writeConcern).toMatchObject({ w: 1, wtimeoutMS: 500 })
    expect(told.db.readPreference?.mode).toBe('nearest')
    expect(told.db.client.options.retryWrites).toBe(false)
  })

  test.skipIf(!found?.version.startsWith('FerretDB'))(
    'a wrong password is an operator error that does not show it',
    async () => {
      await using closed = await startFerretdb({ name: 'waybill', password: 'right-word' })
      const as = (password: string) =>
        `${freshMongodb(closed).replace('//', `//waybill:${password}@`)}?authSource=admin`
      const error: unknown = await openReadModels(as('wrong-word')).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'READ_MODELS_UNREACHABLE' })
      expect(String(error)).toMatch(/auth/i)
      expect(String(error)).not.toContain('wrong-word')
      await using models = await openReadModels(as('right-word'))
      const collection = await models.collection({ name: 'mine', version: 1, indexes: [] })
      expect(await collection.get('a')).toBeUndefined()
    },
  )

  test.skipIf(!isOurs)('calls say that it is away while it is, and work again when it is back', async () => {
    const { faults } = server
    await using models = await openReadModels(`${url}?serverSelectionTimeoutMS=300`)
    const collection = await models.collection<{ total: number }>({ name: 'away', version: 1, indexes: [] })
    await collection.write([{ id: 'a', doc: { total: 1 }, position: 1 }])
    await faults?.kill()
    const away = { name: 'CallerError', code: 'UNAVAILABLE' }
    await expect(collection.get('a')).rejects.toMatchObject(away)
    await expect(collection.write([{ id: 'a', doc: { total: 2 }, position: 2 }])).rejects.toMatchObject(away)
    await faults?.restart()
    await collection.write([{ id: 'a', doc: { total: 2 }, position: 2 }])
    expect(await collection.get('a')).toEqual({ total: 2 })
  })
})
