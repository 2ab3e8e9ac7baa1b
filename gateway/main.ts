// The gateway as a process of its own.
import process from 'node:process'
import { readGatewayConfig } from '#gateway/config.ts'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'

await using open = new AsyncDisposableStack()
open.use(await startTracing({ service: 'gateway', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
const { startGateway } = await import('#gateway/service.ts')
open.use(await startGateway(readGatewayConfig(process.env)))
await stopSignal()
