// Serves any Carrier over the HTTP API of carrier.http.ts, as an external carrier for tests.
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { CALLER_CODES, CallerError } from '#platform/domain/errors.ts'
import { verifyWebhook } from '#platform/webhooks/signature.ts'
import type { Carrier } from '#subgraphs/shipping/adapters/carrier.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

type Answer = { readonly status: number; readonly body: unknown }

type CarrierServer = AsyncDisposable & {
  readonly url: string
  /** Paths asked for, in order. */
  readonly calls: string[]
}

/** Listens on a free port. `intercept` may answer instead; `'hang'` never answers. */
export async function serveCarrier(
  carrier: Carrier,
  secret: string,
  intercept: (call: number) => Answer | 'hang' | undefined = () => undefined,
): Promise<CarrierServer> {
  const calls: string[] = []
  const server = await serveHttp((request, response) => {
    const number = calls.push(request.url ?? '')
    const intercepted = intercept(number)
    if (intercepted === 'hang') return
    void answer(request, carrier, secret).then(own => {
      const { status, body } = intercepted ?? own
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  return { ...server, url: `${server.url}/v1`, calls }
}

async function answer(request: IncomingMessage, carrier: Carrier, secret: string): Promise<Answer> {
  const body = await text(request)
  try {
    verifyWebhook(secret, { headers: request.headers, rawBody: body }, new Date())
    return await carryOut(request, JSON.parse(body), carrier)
  } catch (error) {
    const status = error instanceof CallerError ? CALLER_CODES[error.code] : 500
    return { status, body: { error: String(error) } }
  }
}

async function carryOut(
  { url, headers }: IncomingMessage,
  body: Parameters<Carrier['book']>[0],
  carrier: Carrier,
) {
  if (headers['idempotency-key'] !== body.reference) return { status: 400, body: {} }
  const [, reference, action] = /^\/v1\/parcels(?:\/([^/]+)\/(\w+))?$/.exec(url ?? '') ?? []
  if (action === 'cancel') return { status: 200, body: { status: await carrier.cancel(reference ?? '') } }
  if (action === 'collect') {
    const status = await carrier.collect(reference ?? '')
    return status === 'unknown' ? { status: 404, body: {} } : { status: 200, body: { status } }
  }
  const booked = await carrier.book(body)
  return { status: booked.status === 'refused' ? 422 : 201, body: booked }
}
