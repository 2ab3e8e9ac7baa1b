// A process that logs to its standard output as a service does, steered over IPC: for tests that break that output.
import process from 'node:process'
import { exitOnceLogged } from '#platform/process/exit.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { metricsText } from '#platform/telemetry/metrics.ts'

const logger = createLogger({ service: 'logging', level: 'info' })
const PADDING = 'x'.repeat(1_000)

export type Steering = { readonly log?: number; readonly exit?: true; readonly finish?: true }

process.on('message', async ({ log = 0, exit, finish }: Steering) => {
  for (let line = 0; line < log; line++) logger.info({ padding: PADDING }, 'filling')
  if (exit) {
    logger.info('the last line')
    process.exit(0)
  }
  if (finish) {
    logger.info('the last line')
    const exited = exitOnceLogged(0)
    logger.info('a line after the last')
    await exited
  }
  process.send?.({ metrics: await metricsText() })
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
