// Mercurius' gateway on Fastify. It reads the subgraphs' schemas from them.
import process from 'node:process'
import mercuriusGateway from '@mercuriusjs/gateway'
import Fastify from 'fastify'

const app = Fastify()
await app.register(mercuriusGateway, {
  jit: 1,
  gateway: {
    services: Object.entries(JSON.parse(process.env.SUBGRAPHS)).map(([name, url]) => ({
      name,
      url,
      connections: 64,
    })),
  },
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
