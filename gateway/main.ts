// The gateway as a process of its own. SIGHUP reads the supergraph again; a terminal that is closed sends one too, and ends it.
import { enableCompileCache } from 'node:module'
import process from 'node:process'
import { readGatewayConfig } from '#gateway/config.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { stopSignal } from '#platform/http/stop-signal.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'

try {
  await run()
} catch (error) {
  console.error(error instanceof OperatorError ? `${error.code}: ${error.message}` : error)
  process.exitCode = 1
}

/** What a person reads goes to standard error: standard output has the log, one JSON object a line. */
async function run(): Promise<void> {
  const config = readGatewayConfig(process.env)
  await using open = new AsyncDisposableStack()
  open.use(await startTracing({ service: 'gateway', endpoint: process.env.OTEL_EXPORTER_OTLP_ENDPOINT }))
  enableCompileCache() // the second start is faster, and leaves out 20 MB that reading TypeScript takes
  const { startGateway } = await import('#gateway/service.ts')
  const { firstLines } = await import('#gateway/first-lines.ts')
  const gateway = open.use(await startGateway(config))
  if (!process.stdin.isTTY) process.on('SIGHUP', () => void gateway.reload())
  const stopped = stopSignal()
  console.error(firstLines(gateway, config)) // whoever reads them may stop it at once
  await stopped
}
