// Shipping as a process of its own.
import process from 'node:process'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'

await using open = new AsyncDisposableStack()
open.use(await startTracing({ service: 'shipping', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
const [{ readShippingConfig }, { startShipping }] = await Promise.all([
  import('./config.ts'),
  import('./service.ts'),
])
open.use(await startShipping(readShippingConfig(process.env)))
await stopSignal()
