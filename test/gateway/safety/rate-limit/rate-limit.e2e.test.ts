import { describe, expect, test } from 'vitest'
import { missingRedisReason, startRedis } from '#testbed/engines/redis.ts'
import { startClinicGateway } from '../safety-fixture.ts'

const SLOW = { capacity: 10, perSecond: 0.01 }
const FIVE = '{ patients(first: 5) { name } }'

describe('a rate limit', () => {
  test('charges what an operation costs, and says what is left', async () => {
    await using clinic = await startClinicGateway({ rateLimit: SLOW })
    const first = await clinic.send(FIVE)
    expect(first.errors).toBeUndefined()
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=10;w=1000')
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=5;t=(499|500)$/)
    expect((await clinic.send('{ motto }')).headers.get('ratelimit')).toMatch(/;r=4;/)
  })

  test('refuses with 429, says when to come back, and fetches nothing', async () => {
    await using clinic = await startClinicGateway({ rateLimit: SLOW })
    await clinic.send(FIVE)
    await clinic.send('{ motto }')
    clinic.requests()
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const { status, data, errors, headers } = await clinic.send(FIVE, { headers: { accept } })
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
    expect(clinic.requests()).toEqual([])
    const metrics = await (await fetch(new URL('/metrics', clinic.url))).text()
    expect(metrics).toMatch(/^waybill_gateway_turned_away_total\{code="RATE_LIMITED"\} [2-9]/m)
  })

  test('lets a client with other tokens, or none, be', async () => {
    await using clinic = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 1 } })
    const statusOf = async (claims?: object) =>
      (await clinic.send('{ motto }', claims ? { claims: { ...claims } } : {})).status
    expect(await statusOf()).toBe(200)
    expect(await statusOf()).toBe(429)
    expect(await statusOf({ sub: 'bea' })).toBe(200)
    expect(await statusOf({ sub: 'bea', scope: 'other' })).toBe(429)
    expect(await statusOf({ sub: 'cyd' })).toBe(200)
  })

  test('charges the end client that a service names, and believes nobody else', async () => {
    await using clinic = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 1 } })
    const statusOf = async (client: string, claims?: object, more: Record<string, string> = {}) => {
      const headers = { 'waybill-client': client, ...more }
      return (await clinic.send('{ motto }', { headers, ...(claims && { claims: { ...claims } }) })).status
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

  test('charges operations that are not valid, and does not look at what comes from who has nothing left', async () => {
    await using clinic = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 3 } })
    for (const query of ['{ nothing }', '{', 'query($a: Int!) { motto }']) {
      const { errors, headers } = await clinic.send(query)
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      expect(headers.get('ratelimit')).toMatch(/;r=[0-2];/)
    }
    const { status, errors } = await clinic.send('{ nothing at all')
    expect(status).toBe(429)
    expect(errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }])
  })

  test('charges each operation of a batch', async () => {
    await using clinic = await startClinicGateway({
      rateLimit: { ...SLOW, capacity: 2 },
      batchesFrom: 'everybody',
    })
    const response = await clinic.post([
      { query: '{ motto }' },
      { query: '{ motto }' },
      { query: '{ motto }' },
    ])
    const answers: { data?: unknown }[] = JSON.parse(await response.text())
    expect(response.status).toBe(200)
    expect(answers.filter(({ data }) => data)).toHaveLength(2)
  })

  test('goes by a header where the settings say so', async () => {
    await using clinic = await startClinicGateway({ rateLimit: { ...SLOW, capacity: 1, header: 'X-App' } })
    const statusOf = async (app: string) =>
      (await clinic.send('{ motto }', { headers: { 'x-app': app } })).status
    expect(await statusOf('one')).toBe(200)
    expect(await statusOf('one')).toBe(429)
    expect(await statusOf('two')).toBe(200)
  })

  test('says nothing where there is none', async () => {
    await using clinic = await startClinicGateway()
    const { headers } = await clinic.send('{ motto }')
    expect(headers.get('ratelimit') ?? headers.get('ratelimit-policy')).toBeNull()
  })
})

const missing = missingRedisReason()
if (missing) console.warn(`shared rate limits are not tested: ${missing}`)

describe.skipIf(missing)('with CACHE_URL', () => {
  test('gateways limit together, and each for itself while Redis is away', async () => {
    await using redis = await startRedis()
    await using one = await startClinicGateway({ rateLimit: SLOW }, { cacheUrl: redis.url })
    await using other = await startClinicGateway({ rateLimit: SLOW }, { cacheUrl: redis.url })
    const shared = async (clinic: typeof one) => {
      await clinic.send('{ motto }', { claims: { sub: 'probe' } })
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
