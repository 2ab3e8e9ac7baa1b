import type { IncomingHttpHeaders } from 'node:http'
import { expect, test } from 'vitest'
import { createGatewayClient } from '#bff/pages/gateway-client.ts'
import type { TypedDocument } from '#platform/graphql/client/client.ts'
import { createRequestContext } from '#platform/graphql/context.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

const QUERY = 'query { motto }' as TypedDocument<{ motto: string }, Record<string, never>>

/** Returns the headers that a gateway gets for a caller with `token`, or with none. */
async function headersSent(
  token: string | undefined,
  serviceToken: () => Promise<string> = async () => 'of-the-bff',
): Promise<IncomingHttpHeaders> {
  const sent: IncomingHttpHeaders[] = []
  await using server = await serveHttp((request, response) => {
    sent.push(request.headers)
    request.resume()
    response.setHeader('content-type', 'application/json').end('{"data":{"motto":"on"}}')
  })
  await using gateway = createGatewayClient({ url: server.url, serviceToken })
  const viewer = token === undefined ? undefined : ({ subject: 'cus_1', role: 'customer' } as const)
  const context = createRequestContext({
    viewer,
    token,
    requestId: 'one',
    traceparent: undefined,
    required: {},
    address: '10.0.0.1',
  })
  await gateway.run(QUERY, {}, context)
  return sent[0] ?? {}
}

test('shows the service token beside that of the caller, so that the gateway does not limit the call again', async () => {
  const headers = await headersSent('of-ann')
  expect(headers).toMatchObject({ authorization: 'Bearer of-ann', 'waybill-forwarder': 'of-the-bff' })
  expect(headers['waybill-client']).toBeUndefined()
})

test('sends the call of a caller with a token while the service token cannot be read', async () => {
  const headers = await headersSent('of-ann', async () => {
    throw new Error('SERVICE_TOKEN_UNUSABLE')
  })
  expect(headers.authorization).toBe('Bearer of-ann')
  expect(headers['waybill-forwarder']).toBeUndefined()
})

test('names a caller without a token by its address', async () => {
  const headers = await headersSent(undefined)
  expect(headers).toMatchObject({
    'waybill-client': 'address 10.0.0.1',
    'waybill-forwarder': 'of-the-bff',
  })
  expect(headers.authorization).toBeUndefined()
})
