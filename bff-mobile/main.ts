// The mobile BFF as a process of its own.
import process from 'node:process'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'

await using open = new AsyncDisposableStack()
open.use(await startTracing({ service: 'bff-mobile', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
const { readBffConfig } = await import('#platform/bff/config.ts')
const { startBffMobile } = await import('#bff-mobile/service.ts')
open.use(await startBffMobile(readBffConfig('bff-mobile', process.env)))
await stopSignal()
