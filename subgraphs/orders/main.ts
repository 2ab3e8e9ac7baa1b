// The orders service as a process of its own.
import process from 'node:process'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'
import { readOrdersConfig } from '#subgraphs/orders/config.ts'

await using open = new AsyncDisposableStack()
open.use(await startTracing({ service: 'orders', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
const { startOrders } = await import('#subgraphs/orders/service.ts')
open.use(await startOrders(readOrdersConfig(process.env)))
await stopSignal()
