// Tests the HTTP adapter: the port's contract against a small provider over a real socket, and faults of the provider.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { fromDecimal, type Money, toDecimal } from '#platform/domain/money.ts'
import { openHttpProvider } from '#subgraphs/payment/adapters/payment-provider.http.ts'
import type { PaymentProvider } from '#subgraphs/payment/adapters/payment-provider.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { providerContract } from './payment-provider.contract.ts'
import { openSandbox } from './sandbox-fixture.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => Promise<void> | void

async function serve(handler: Handler) {
  return serveHttp(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString()
    await handler(request, response, body)
  })
}

/** An amount is decimal text beside its currency. */
function onWire(answer: object & { amount?: Money }): object {
  const { amount, ...rest } = answer
  return amount ? { ...rest, amount: toDecimal(amount), currency: amount.currency } : rest
}

/** The provider's side of the protocol, in front of a sandbox. */
function speaking(sandbox: PaymentProvider): Handler {
  return async (request, response, text) => {
    const { amount, currency, ...body } = JSON.parse(text)
    const call = {
      ...body,
      idempotencyKey: request.headers['idempotency-key'],
      ...(typeof amount === 'string' && { amount: fromDecimal(amount, currency) }),
    }
    const reply = (status: number, answer: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(onWire(answer)))
    try {
      const closed = new AbortController()
      response.on('close', () => closed.abort())
      switch (request.url) {
        case '/v1/authorise':
          return void reply(200, await sandbox.authorise(call, closed.signal))
        case '/v1/capture':
          return void reply(200, await sandbox.capture(call))
        case '/v1/refund':
          return void reply(200, await sandbox.refund(call))
        case '/v1/void':
          return void reply(200, await sandbox.void(call))
        default:
          return void reply(404, { error: 'not here' })
      }
    } catch (error) {
      reply(error instanceof CallerError ? 503 : 500, {})
    }
  }
}

providerContract('HTTP', async () => {
  const open = new AsyncDisposableStack()
  const sandbox = open.use(await openSandbox())
  const server = open.use(await serve(speaking(sandbox)))
  const provider = open.use(openHttpProvider(`http://127.0.0.1:${server.port}/v1/`))
  return {
    provider,
    sums: reference => sandbox.sums(reference),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
})

describe('a provider that violates the protocol', () => {
  const call = {
    idempotencyKey: 'k',
    reference: 'pay_1',
    tenderId: 'tnd_1',
    amount: { minor: 1, currency: 'EUR' },
  }

  async function answerOf(handler: Handler): Promise<unknown> {
    await using server = await serve(handler)
    await using provider = openHttpProvider(`http://127.0.0.1:${server.port}`)
    return await provider.capture(call).catch((error: unknown) => error)
  }

  test.each([500, 502, 503, 408, 429])('status %i throws UNAVAILABLE', async status => {
    expect(await answerOf((_, response) => void response.writeHead(status).end())).toMatchObject({
      code: 'UNAVAILABLE',
    })
  })

  test('a broken connection throws UNAVAILABLE', async () => {
    expect(await answerOf(request => void request.socket.destroy())).toMatchObject({ code: 'UNAVAILABLE' })
  })

  test.each([
    [400, '{}'],
    [200, 'no json'],
    [200, '{"status":"perhaps"}'],
    [200, '{"status":"approved","amount":"1.00"}'],
    [200, '{"status":"approved","amount":"-1.00","currency":"EUR"}'],
    [200, '{"status":"approved","amount":"1.001","currency":"EUR"}'],
    [200, '{"status":"approved","amount":"1.00","currency":"euros"}'],
    [200, '{"status":"declined"}'],
  ])('status %i with the body %s throws OperatorError', async (status, body) => {
    expect(await answerOf((_, response) => void response.writeHead(status).end(body))).toMatchObject({
      code: 'PROVIDER_PROTOCOL',
    })
  })

  test('a response may contain the amount or omit it', async () => {
    const answering = (body: string) => answerOf((_, response) => void response.writeHead(200).end(body))
    expect(await answering('{"status":"approved"}')).toEqual({ status: 'approved' })
    expect(await answering('{"status":"approved","amount":"0.01","currency":"EUR"}')).toEqual({
      status: 'approved',
      amount: { minor: 1, currency: 'EUR' },
    })
  })

  test('user and password of the URL are sent as basic authentication', async () => {
    let seen: string | undefined
    await using server = await serve((request, response) => {
      seen = request.headers.authorization
      response.writeHead(200).end('{"status":"approved"}')
    })
    await using provider = openHttpProvider(`http://key:s%40cret@127.0.0.1:${server.port}`)
    await provider.capture(call)
    expect(seen).toBe(`Basic ${Buffer.from('key:s@cret').toString('base64')}`)
  })
})
