// Tests the HTTP carrier adapter against a server of its API: the carrier contract, faults, and retries.
import { beforeAll, describe, expect, test } from 'vitest'
import { createPolicy } from '#platform/resilience/policy.ts'
import { openHttpCarrier } from '#subgraphs/shipping/adapters/carrier.http.ts'
import type { Carrier } from '#subgraphs/shipping/adapters/carrier.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { aBooking, CARRIER_SECRET, describeCarrier, openSandbox } from './carrier.contract.ts'
import { serveCarrier } from './carrier-server.ts'

let far: Carrier

beforeAll(async () => {
  far = await openSandbox(await freshDatabase())
  return () => far[Symbol.asyncDispose]()
})

function connect(url: string, { retries = 0, timeoutMs = 2_000, secret = CARRIER_SECRET } = {}): Carrier {
  const policy = createPolicy({ name: 'carrier', timeoutMs, retries, concurrency: 16, queue: 16 })
  return openHttpCarrier({ url, secret, policy, now: () => new Date() })
}

describeCarrier('over HTTP', async () => {
  const server = await serveCarrier(far, CARRIER_SECRET)
  const carrier = connect(server.url)
  return {
    book: carrier.book,
    cancel: carrier.cancel,
    collect: carrier.collect,
    async [Symbol.asyncDispose]() {
      await carrier[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
})

describe('the HTTP carrier', () => {
  test('retries a failed call under the same key, and books once', async () => {
    await using server = await serveCarrier(far, CARRIER_SECRET, call =>
      call <= 2 ? { status: 503, body: {} } : undefined,
    )
    await using carrier = connect(server.url, { retries: 3 })
    expect(await carrier.book(aBooking())).toMatchObject({ status: 'booked' })
    expect(server.calls).toEqual(['/v1/parcels', '/v1/parcels', '/v1/parcels'])
  })

  test('gives up on a carrier that does not respond in time', async () => {
    await using server = await serveCarrier(far, CARRIER_SECRET, () => 'hang')
    await using carrier = connect(server.url, { timeoutMs: 50 })
    await expect(carrier.book(aBooking())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { reason: 'TIMED_OUT' },
    })
  })

  test('is UNAVAILABLE when nobody listens', async () => {
    const server = await serveCarrier(far, CARRIER_SECRET)
    await server[Symbol.asyncDispose]()
    await using carrier = connect(server.url)
    await expect(carrier.cancel('shp_1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test.each([
    ['no label', { status: 201, body: { hello: 'world' } }],
    ['a status it should not', { status: 302, body: {} }],
    ['a refusal without a reason', { status: 422, body: {} }],
  ])('does not accept %s', async (_, answer) => {
    await using server = await serveCarrier(far, CARRIER_SECRET, () => answer)
    await using carrier = connect(server.url)
    await expect(carrier.book(aBooking())).rejects.toMatchObject({ code: 'CARRIER_ANSWER' })
  })

  test('signs its requests, so a carrier with another secret refuses them', async () => {
    await using server = await serveCarrier(far, CARRIER_SECRET)
    await using carrier = connect(server.url, { secret: 'another' })
    await expect(carrier.book(aBooking())).rejects.toMatchObject({ code: 'CARRIER_ANSWER' })
  })
})
