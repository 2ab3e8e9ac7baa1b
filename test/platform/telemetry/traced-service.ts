// A process with two traced services for tracing.test.ts: starts tracing, then loads everything else, as a main.ts does.
import { startTracing } from '#platform/telemetry/tracing.ts'

const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT
const tracing = [
  await startTracing({ service: 'orders', endpoint }),
  await startTracing({ service: 'payment', endpoint }),
]

const { buildSchema } = await import('graphql')
const { createVerifier } = await import('#platform/auth/verifier.ts')
const { createGraphqlClient } = await import('#platform/graphql/client/client.ts')
const { mountGraphql } = await import('#platform/graphql/endpoint/endpoint.ts')
const { createHttpServer } = await import('#platform/http/server.ts')
const { createPolicy } = await import('#platform/resilience/policy.ts')
const { createLogger } = await import('#platform/telemetry/logger.ts')
const { inService } = await import('#platform/telemetry/tracing.ts')

const logger = createLogger({ service: 'test', level: 'silent' })
const verifier = createVerifier({ jwks: new URL('file:///none'), issuer: 'i', audience: 'a' })

async function serve(name: string, resolve: () => unknown) {
  const schema = buildSchema('type Query { answer: Int }')
  Object.assign(schema.getQueryType()?.getFields().answer ?? {}, { resolve })
  const http = createHttpServer({ name, logger })
  await inService(name, () =>
    mountGraphql(http, { schema, verifier, development: false, batchesFrom: 'everybody' }),
  )
  return { http, ...(await http.listen({ host: '127.0.0.1', port: 0 })) }
}

const policy = (name: string) =>
  createPolicy({ name, timeoutMs: 5000, retries: 0, concurrency: 10, queue: 10 })
const payment = await serve('payment', () => 42)
const toPayment = createGraphqlClient({ url: `${payment.url}/graphql`, policy: policy('payment') })
const ask = async () =>
  (await toPayment.request<{ answer: number }>({ document: '{ answer }', variables: {}, idempotent: true }))
    .data.answer
const orders = await serve('orders', async () => (await Promise.all([ask(), ask()]))[0])

const traceparent = process.env.TRACEPARENT ?? ''
const response = await fetch(`${orders.url}/graphql`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', traceparent },
  body: '{"query":"query Answer { answer }"}',
})
console.log(await response.text())
for (const opened of [toPayment, orders.http, payment.http, ...tracing]) await opened[Symbol.asyncDispose]()
