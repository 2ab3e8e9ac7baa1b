// Runs a bare Fastify server in its own process; each route answers with fixed bytes, as a lower bound for the web BFF.
import process from 'node:process'
import Fastify from 'fastify'

/** The parent sends one response per path, as base64. */
export type BareResponses = Readonly<Record<string, string>>

process.once('message', async (answers: BareResponses) => {
  const app = Fastify({ bodyLimit: 256 * 1024 })
  for (const [url, base64] of Object.entries(answers)) {
    const bytes = Buffer.from(base64, 'base64')
    app.route({
      method: ['GET', 'POST'],
      url,
      exposeHeadRoute: false,
      handler: (_request, reply) => reply.type('application/json; charset=utf-8').send(bytes),
    })
  }
  process.send?.(await app.listen({ host: '127.0.0.1', port: 0 }))
})
process.once('disconnect', () => process.exit())
