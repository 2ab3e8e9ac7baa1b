// Hive Gateway's runtime with the handler of its Rust planner, on Node's HTTP server.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import process from 'node:process'
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime'
import { unifiedGraphHandler } from '@graphql-hive/router-runtime'

const gateway = createGatewayRuntime({
  supergraph: readFileSync(process.env.SUPERGRAPH, 'utf8'),
  unifiedGraphHandler,
  logging: 'error',
  inboundInflightRequestDeduplication: process.env.SHARING === '1',
})
createServer(gateway).listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
