import type { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openMongodbServer } from '#platform/read-models/mongodb/server.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { readModelsContract } from '#test/platform/read-models/read-models.contract.ts'
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { freshMongodb, mongodb, startFerretdb } from '#testbed/engines/mongodb.ts'

const found = mongodb.find()
const isOurs = found?.from !== 'MONGODB_URL'

const missing = missingReason(mongodb)

describe.skipIf(missing)(missing ? `on MongoDB (skipped: ${missing})` : `on ${found?.version}`, () => {
  let server: RunningEngine
  let url: string
  beforeAll(async () => {
    if (found) server = await found.start()
    url = freshMongodb(server)
  })
  afterAll(() => server[Symbol.asyncDispose]())

  readModelsContract('MongoDB', () => openReadModels(url))

  test('write concern and read preference come from the URL, and writes wait for a majority by default', async () => {
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

  test.skipIf(!isOurs)('a client whose server monitoring has stopped is reconnected', async () => {
    const { faults } = server
    const quick = 'heartbeatFrequencyMS=500&connectTimeoutMS=1000&serverSelectionTimeoutMS=300'
    await using opened = await openMongodbServer(`${url}?${quick}`)
    const ping = () => opened.db.command({ ping: 1 })
    stopWatch(opened.db.client)
    faults?.pause()
    const underWay = ping() // what it meets tells the client that the server is gone
    underWay.catch(() => {}) // awaited below
    await faults?.kill()
    await expect(underWay).rejects.toThrow()
    await faults?.restart()
    await vi.waitFor(ping, { timeout: 20_000 })
  })

  test.skipIf(!isOurs)('calls fail with UNAVAILABLE during an outage, and work again after it', async () => {
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

/** As the driver's was seen to, when a server was killed. */
function stopWatch(client: MongoClient): void {
  const monitors = membersOf(client, 'topology', 's', 'servers')
  if (!(monitors instanceof Map)) throw new Error('the driver keeps its servers elsewhere now')
  for (const server of monitors.values()) {
    const interval = membersOf(server, 'monitor', 'monitorId')
    const stop: unknown = Reflect.get(Object(interval), 'stop')
    if (typeof stop !== 'function') throw new Error('the driver watches in another way now')
    stop.call(interval)
  }
}

function membersOf(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce((inner, name) => Reflect.get(Object(inner), name), value)
}
