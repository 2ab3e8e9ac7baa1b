// Runs a bare Fastify server in its own process; each route answers with fixed bytes, as a lower bound for the web BFF.
import Fastify from 'fastify'
import { handleRequests } from '#bench/harness/worker-process.ts'

/** One response per path. */
export type BareResponses = Readonly<Record<string, string>>

async function listen(responses: BareResponses): Promise<string> {
  const app = Fastify({ bodyLimit: 256 * 1024 })
  for (const [url, text] of Object.entries(responses)) {
    const bytes = Buffer.from(text)
    app.route({
      method: ['GET', 'POST'],
      url,
      exposeHeadRoute: false,
      handler: (_request, reply) => reply.type('application/json; charset=utf-8').send(bytes),
    })
  }
  return app.listen({ host: '127.0.0.1', port: 0 })
}

handleRequests({ listen })
