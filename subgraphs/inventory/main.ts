// Runs inventory as a process of its own: reads the environment, starts, stops on a signal.
import process from 'node:process'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'
import { readInventoryConfig } from '#subgraphs/inventory/config.ts'

const config = readInventoryConfig(process.env)
await using open = new AsyncDisposableStack()
open.use(await startTracing({ service: 'inventory', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
const { startInventory } = await import('#subgraphs/inventory/service.ts') // after tracing, which instruments graphql
open.use(await startInventory(config))
await stopSignal()
