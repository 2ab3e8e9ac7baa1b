// Payment as a process of its own.
import process from 'node:process'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'

await using open = new AsyncDisposableStack()
open.use(await startTracing({ service: 'payment', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
const [{ readPaymentConfig }, { startPayment }] = await Promise.all([
  import('./config.ts'),
  import('./service.ts'),
])
open.use(await startPayment(readPaymentConfig(process.env)))
await stopSignal()
