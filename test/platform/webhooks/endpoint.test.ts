import { expect, it } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { mountWebhook } from '#platform/webhooks/endpoint.ts'
import { signWebhook } from '#platform/webhooks/signature.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

const SECRET = 'whsec_test'

async function serve(receive: (body: unknown) => Promise<void>) {
  const http = createHttpServer({ name: 'payment', logger: recordingLogger().logger })
  mountWebhook(http, { path: '/webhooks/provider', secret: SECRET, now: () => new Date(), receive })
  http.app.post('/json', async request => request.body)
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 })
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/webhooks/provider`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })
  const signed = (body: string) => ({ 'waybill-signature': signWebhook(SECRET, body, new Date()) })
  return { url, post, signed, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() }
}

it('hands on a signed body, checked byte for byte', async () => {
  const received: unknown[] = []
  await using server = await serve(async body => void received.push(body))
  const body = '{ "id":  "evt_1" }'
  expect((await server.post(body, server.signed(body))).status).toBe(204)
  expect((await server.post('{"id":"evt_1"}', server.signed(body))).status).toBe(401)
  expect((await server.post(body)).status).toBe(401)
  expect(received).toEqual([{ id: 'evt_1' }])
})

it('answers 400 to a signed body that is not JSON, and the status of what receiving throws', async () => {
  await using server = await serve(async () => {
    throw new CallerError('UNAVAILABLE', 'later')
  })
  expect((await server.post('nonsense', server.signed('nonsense'))).status).toBe(400)
  const answer = await server.post('{}', server.signed('{}'))
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ error: { code: 'UNAVAILABLE', message: 'later' } })
})

it('leaves the JSON bodies of other routes alone', async () => {
  await using server = await serve(async () => {})
  const answer = await fetch(`${server.url}/json`, {
    method: 'POST',
    body: '{"a":1}',
    headers: { 'content-type': 'application/json' },
  })
  expect(await answer.json()).toEqual({ a: 1 })
})
