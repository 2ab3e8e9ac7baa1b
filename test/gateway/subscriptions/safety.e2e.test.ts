import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { postJson } from '#test/fixtures/http-server.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { ofType, openAcknowledged } from '#test/platform/graphql/live-server/headline-server.ts'
import { startArticlesGateway } from './fixtures/articles-gateway.ts'
import { readParts } from './fixtures/multipart-reader.ts'
import { subscribe } from './fixtures/websocket-client.ts'

const SECRET = 'subscription { published { id author { secret } } }'
const COUNTDOWN = 'subscription { countdown(from: 1) }'
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

let open = new AsyncDisposableStack()
afterEach(async () => {
  await open.disposeAsync()
  open = new AsyncDisposableStack()
})

async function start(...options: Parameters<typeof startArticlesGateway>) {
  const gateway = open.use(await startArticlesGateway(...options))
  return { gateway, listening: () => expect.poll(() => gateway.articles.topics.listening('published')) }
}

describe('a subscription', () => {
  it('withholds from each event what its caller may not see, and reports it', async () => {
    const { gateway, listening } = await start({}, { auth: true })
    await using anonymous = subscribe(gateway.socket, SECRET)
    await using known = subscribe(gateway.socket, SECRET, { token: await gateway.token('ann') })
    const [hidden, shown] = [anonymous.next(), known.next()]
    await listening().toBe(2)
    gateway.publish('1')
    expect(await hidden).toMatchObject({
      data: { published: { id: '1', author: { secret: null } } },
      errors: [
        { path: ['published', 'author', 'secret'], extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } },
      ],
    })
    expect(await shown).toEqual({ data: { published: { id: '1', author: { secret: 'pen name' } } } })
  })

  it('is not shared by callers with different permissions, even when the subgraph requests are equal', async () => {
    const { gateway } = await start(
      { everySubgraph: { headers: [{ remove: 'authorization' }] } },
      { auth: true },
    )
    await using anonymous = subscribe(gateway.socket, SECRET)
    const hidden = anonymous.next()
    await expect.poll(() => gateway.readers()).toBe(1)
    await using known = subscribe(gateway.socket, SECRET, { token: await gateway.token('ann') })
    const shown = known.next()
    await expect.poll(() => gateway.articles.topics.listening('published')).toBe(2)
    gateway.publish('1')
    expect(await hidden).toMatchObject({ data: { published: { author: { secret: null } } } })
    expect(await shown).toMatchObject({ data: { published: { author: { secret: 'pen name' } } } })
  })

  it('ends when a refreshed token changes what it may show, and continues otherwise', async () => {
    const { gateway, listening } = await start({}, { auth: true })
    const [paid, still, other] = await Promise.all(
      ['payroll', 'payroll mail', 'mail'].map(scope => gateway.scopedToken('ann', scope)),
    )
    using raw = await openAcknowledged({ url: gateway.socket }, { authorization: `Bearer ${paid}` })
    raw.subscribe('1', 'subscription { published { id author { salary } } }')
    await listening().toBe(1)
    const renew = async (token: string | undefined) => {
      const payload = { authorization: `Bearer ${token}` }
      raw.send({ type: 'ping', payload })
      await raw.seen(message => isDeepStrictEqual(message, { type: 'pong', payload }))
    }
    await renew(still)
    gateway.publish('1')
    expect(await raw.seen(ofType('next'))).toMatchObject({
      payload: { data: { published: { id: '1', author: { salary: 40 } } } },
    })
    await renew(other)
    gateway.publish('2')
    expect(await raw.seen(ofType('error'))).toMatchObject({
      id: '1',
      payload: [{ extensions: { code: 'FORBIDDEN' }, message: expect.stringContaining('subscribe again') }],
    })
    await listening().toBe(0)
  })

  it('is refused as a whole in the mode `reject`', async () => {
    const { gateway } = await start({ authorization: { mode: 'reject' } }, { auth: true })
    await using anonymous = subscribe(gateway.socket, SECRET)
    await expect(anonymous.next()).rejects.toMatchObject([
      { extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } },
    ])
    expect(gateway.articles.seen.upgrades).toEqual([])
  })

  it('is refused over every transport when its estimated cost is too high', async () => {
    const { gateway } = await start({ cost: { maximum: 1 } })
    const code = 'COST_ESTIMATED_TOO_EXPENSIVE'
    await using subscriber = subscribe(gateway.socket, SECRET)
    await expect(subscriber.next()).rejects.toMatchObject([{ extensions: { code } }])
    const accept = 'multipart/mixed;subscriptionSpec=1.0'
    const response = await postJson(gateway.graphql, { query: SECRET }, { accept })
    const parts: unknown[] = []
    for await (const part of readParts(response)) parts.push(part)
    expect(parts.at(-1)).toMatchObject({ payload: null, errors: [{ extensions: { code } }] })
    expect(gateway.articles.seen.upgrades).toEqual([])
  })

  it("is charged to its client's rate limit once at its start and not for each event", async () => {
    const { gateway } = await start({ rateLimit: { capacity: 2, perSecond: 0.001 } })
    await using first = subscribe(gateway.socket, 'subscription { countdown(from: 5) }')
    for (let left = 5; left > 0; left--) expect(await first.next()).toEqual({ data: { countdown: left } })
    await using second = subscribe(gateway.socket, COUNTDOWN)
    expect(await second.next()).toEqual({ data: { countdown: 1 } })
    await using third = subscribe(gateway.socket, COUNTDOWN)
    await expect(third.next()).rejects.toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
  })

  it('may be sent as the hash of its text once that is known', async () => {
    const { gateway } = await start()
    using raw = await openAcknowledged({ url: gateway.socket })
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(COUNTDOWN) } }
    raw.send({ id: '1', type: 'subscribe', payload: { extensions } })
    expect(await raw.seen(({ id }) => id === '1')).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    })
    raw.subscribe('2', COUNTDOWN, { extensions })
    await raw.seen(({ id, type }) => id === '2' && type === 'complete')
    raw.send({ id: '3', type: 'subscribe', payload: { extensions } })
    expect(await raw.seen(({ id }) => id === '3')).toMatchObject({ payload: { data: { countdown: 1 } } })
  })

  it('runs only when it is in the manifest, in the mode `only`', async () => {
    const folder = open.use(await temporaryFolder())
    const manifest = path.join(folder.path, 'manifest.json')
    const operation = { id: sha256(COUNTDOWN), name: 'Countdown', type: 'subscription', body: COUNTDOWN }
    await writeFile(
      manifest,
      JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations: [operation] }),
    )
    const { gateway } = await start({ persisted: { mode: 'only', manifest } })
    using raw = await openAcknowledged({ url: gateway.socket })
    raw.subscribe('1', SECRET)
    expect(await raw.seen(ofType('error'))).toMatchObject({
      payload: [{ extensions: { code: 'OPERATION_NOT_PERSISTED' } }],
    })
    raw.subscribe('2', COUNTDOWN)
    expect(await raw.seen(ofType('next'))).toMatchObject({ payload: { data: { countdown: 1 } } })
  })
})

describe('the number of concurrent subscriptions', () => {
  it('is limited for different subscriptions, while existing ones accept more clients', async () => {
    const { gateway, listening } = await start({ subscriptions: { followed: 1 } })
    const query = 'subscription { published { id } }'
    await using one = subscribe(gateway.socket, query)
    void one.next()
    await listening().toBe(1)
    await using equal = subscribe(gateway.socket, query)
    const got = equal.next()
    await expect.poll(() => gateway.readers()).toBe(2)
    await using other = subscribe(gateway.socket, COUNTDOWN)
    await expect(other.next()).rejects.toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
    gateway.publish('1')
    expect(await got).toEqual({ data: { published: { id: '1' } } })
  })

  it('is limited by the sockets and streams of one address', async () => {
    const { gateway } = await start({ subscriptions: { connectionsPerSubject: 1 } })
    using _held = await openAcknowledged({ url: gateway.socket })
    await using second = subscribe(gateway.socket, COUNTDOWN)
    await expect(second.next()).rejects.toMatchObject({ code: 4429 })
    const third = await postJson(gateway.stream, { query: COUNTDOWN }, { accept: 'text/event-stream' })
    expect(third.status).toBe(429)
  })

  it('returns to zero when clients have come and gone', async () => {
    const { gateway, listening } = await start()
    for (let round = 0; round < 10; round++) {
      using raw = await openAcknowledged({ url: gateway.socket })
      for (let index = 0; index < 20; index++)
        raw.subscribe(`${index}`, `subscription { a${index}: published { id } }`)
      if (round % 2 === 0) await listening().toBe(20)
      for (let index = 0; index < 20; index += 2) raw.send({ id: `${index}`, type: 'complete' })
    }
    await listening().toBe(0)
    await expect.poll(() => gateway.readers()).toBe(0)
    expect(await gateway.followed()).toBe(0)
  })
})
