import { expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { OverloadGuard } from '#platform/resilience/overload-guard.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { startArticlesGateway } from '../subscriptions/fixtures/articles-gateway.ts'

const FULL: OverloadGuard = {
  run: () =>
    Promise.reject(new CallerError('UNAVAILABLE', 'full', { reason: 'OVERLOADED', retryAfterSeconds: 3 })),
}

test('refuses its own clients when it has too much to do, and serves those whom a service has let in', async () => {
  await using press = await startArticlesGateway({}, { auth: true, guard: FULL })
  const statusOf = async (headers: Record<string, string>) =>
    (await postJson(press.graphql, { query: '{ __typename }' }, headers)).status
  const ann = { authorization: `Bearer ${await press.token('ann')}` }
  const service = await press.serviceToken()

  expect(await statusOf({})).toBe(503)
  expect(await statusOf(ann)).toBe(503)
  expect(await statusOf({ ...ann, 'waybill-forwarder': await press.token('eve') })).toBe(503)
  expect(await statusOf({ ...ann, 'waybill-forwarder': 'no token' })).toBe(503)

  expect(await statusOf({ ...ann, 'waybill-forwarder': service })).toBe(200)
  expect(await statusOf({ 'waybill-forwarder': service })).toBe(200)
  expect(await statusOf({ authorization: `Bearer ${service}` })).toBe(200)
})
