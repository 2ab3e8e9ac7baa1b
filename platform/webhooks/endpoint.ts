// Mounts a route for signed webhooks, which verifies the signature over the bytes as they came and passes the JSON on.
import type { FastifyInstance } from 'fastify'
import { CallerError } from '#platform/domain/errors.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { verifyWebhook } from '#platform/webhooks/signature.ts'

type WebhookOptions = {
  readonly path: string
  readonly secret: string
  readonly now: () => Date
  /** Handles one delivery; the same delivery may come again. What it throws decides the status: see CALLER_CODES. */
  readonly receive: (body: unknown, delivery: { readonly requestId: string }) => Promise<void>
}

/** POST `path`: 204 once received, 401 for a wrong signature, 400 for a body that is not JSON. */
export function mountWebhook(http: HttpServer, options: WebhookOptions): void {
  void http.app.register(async (scope: FastifyInstance) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.post(options.path, async (request, reply) => {
      const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      verifyWebhook(options.secret, { headers: request.headers, rawBody: raw }, options.now())
      await options.receive(parseBody(raw), { requestId: request.id })
      return reply.code(204).send()
    })
  })
}

function parseBody(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'))
  } catch (cause) {
    throw new CallerError('BAD_USER_INPUT', 'the webhook body is not JSON', {}, cause)
  }
}
