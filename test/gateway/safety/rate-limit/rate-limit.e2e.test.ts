import { describe, expect, test } from 'vitest'
import { missingRedisReason, startRedis } from '#testbed/engines/redis.ts'
import { startClinicGateway } from '../safety-fixture.ts'

const SLOW = { capacity: 10, perSecond: 0.01 }
const FIVE = '{ patients(first: 5) { name } }'

describe('a rate limit', () => {
  test('charges the cost of an operation and reports what is left', async () => {
    await using gateway = await startClinicGateway({ rateLimit: SLOW })
    const first = await gateway.send(FIVE)
    expect(first.errors).toBeUndefined()
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=10;w=1000')
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=5;t=(499|500)$/)
    expect((await gateway.send('{ motto }')).headers.get('ratelimit')).toMatch(/;r=4;/)
  })

  test('refuses with 429 and the time to retry, and fetches nothing', async () => {
    await using gateway = await startClinicGateway({ rateLimit: SLOW })
    await gateway.send(FIVE)
    await gateway.send('{ motto }')
    gateway.requests()
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const { status, data, errors, headers } = await gateway.send(FIVE, { headers: { accept } })
      expect({ status, data }).toEqual({ status: 429, data: undefined })
      const seconds = Number(headers.get('retry-after'))
      expect(seconds).toBeGreaterThan(50)
      expect(errors).toEqual([
        {
          message: expect.stringContaining('The operation costs 5'),
          extensions: { code: 'RATE_LIMITED', retryAfterSeconds: seconds },
        },
      ])
    }
    expect(gateway.requests()).toEqual([])
    const metrics = await (await fetch(new URL('/metrics', gateway.url))).text()
    expect(metrics).toMatch(/^waybill_gateway_turned_away_total\{code="RATE_LIMITED"\} [2-9]/m)
  })

  test('does not affect clients with another token or without one', async () => {
    await using gateway = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 1 } })
    const statusOf = async (claims?: object) =>
      (await gateway.send('{ motto }', claims ? { claims: { ...claims } } : {})).status
    expect(await statusOf()).toBe(200)
    expect(await statusOf()).toBe(429)
    expect(await statusOf({ sub: 'bea' })).toBe(200)
    expect(await statusOf({ sub: 'bea', scope: 'other' })).toBe(429)
    expect(await statusOf({ sub: 'cyd' })).toBe(200)
  })

  test('charges the end client that a service names, and ignores the header from anybody else', async () => {
    await using gateway = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 1 } })
    const statusOf = async (client: string, claims?: object, more: Record<string, string> = {}) => {
      const headers = { 'waybill-client': client, ...more }
      return (await gateway.send('{ motto }', { headers, ...(claims && { claims: { ...claims } }) })).status
    }
    const service = { sub: 'bff', role: 'service' }
    expect(await statusOf('subject abe', service)).toBe(200)
    expect(await statusOf('subject abe', service)).toBe(429)
    expect(await statusOf('subject olive', service)).toBe(200)
    expect(await statusOf('address 10.0.0.1', service)).toBe(200)
    expect(await statusOf('subject new', { sub: 'abe' })).toBe(429)
    expect(await statusOf('subject new')).toBe(200)
    expect(await statusOf('subject newer')).toBe(429)
    expect(await statusOf('subject newest', undefined, { 'waybill-forwarder': 'no token' })).toBe(429)
  })

  test('charges invalid operations, and does not parse those of a client that has nothing left', async () => {
    await using gateway = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 3 } })
    for (const query of ['{ nothing }', '{', 'query($a: Int!) { motto }']) {
      const { errors, headers } = await gateway.send(query)
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      expect(headers.get('ratelimit')).toMatch(/;r=[0-2];/)
    }
    const { status, errors } = await gateway.send('{ nothing at all')
    expect(status).toBe(429)
    expect(errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
  })

  test('charges each operation of a batch', async () => {
    await using gateway = await startClinicGateway({
      rateLimit: { ...SLOW, capacity: 2 },
      batchesFrom: 'everybody',
    })
    const response = await gateway.post([
      { query: '{ motto }' },
      { query: '{ motto }' },
      { query: '{ motto }' },
    ])
    const answers: { data?: unknown }[] = JSON.parse(await response.text())
    expect(response.status).toBe(200)
    expect(answers.filter(({ data }) => data)).toHaveLength(2)
  })

  test('identifies clients by the header that the settings name', async () => {
    await using gateway = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 1, header: 'X-App' } })
    const statusOf = async (app: string) =>
      (await gateway.send('{ motto }', { headers: { 'x-app': app } })).status
    expect(await statusOf('one')).toBe(200)
    expect(await statusOf('one')).toBe(429)
    expect(await statusOf('two')).toBe(200)
  })

  test('sends no headers when it is not configured', async () => {
    await using gateway = await startClinicGateway()
    const { headers } = await gateway.send('{ motto }')
    expect(headers.get('ratelimit') ?? headers.get('ratelimit-policy')).toBeNull()
  })
})

const missing = missingRedisReason()
if (missing) console.warn(`shared rate limits are not tested: ${missing}`)

describe.skipIf(missing)('with CACHE_URL', () => {
  test('gateways share the limit, and each limits by itself while Redis is down', async () => {
    await using redis = await startRedis()
    await using one = await startClinicGateway({ rateLimit: SLOW }, { cacheUrl: redis.url })
    await using other = await startClinicGateway({ rateLimit: SLOW }, { cacheUrl: redis.url })
    const shared = async (gateway: typeof one) => {
      await gateway.send('{ motto }', { claims: { sub: 'probe' } })
      return (await redis.command('DBSIZE')).trim()
    }
    await expect.poll(() => shared(one)).toBe(':1')
    await redis.command('FLUSHALL')
    await expect.poll(() => shared(other)).toBe(':1')
    const ann = { claims: { sub: 'ann' } }
    expect((await one.send(FIVE, ann)).headers.get('ratelimit')).toMatch(/;r=5;/)
    expect((await other.send(FIVE, ann)).headers.get('ratelimit')).toMatch(/;r=0;/)
    expect((await one.send('{ motto }', ann)).status).toBe(429)
    await redis.kill()
    const dora = { claims: { sub: 'dora' } }
    expect((await one.send(FIVE, dora)).headers.get('ratelimit')).toMatch(/;r=5;/)
    expect((await other.send(FIVE, dora)).headers.get('ratelimit')).toMatch(/;r=5;/)
  })
})
