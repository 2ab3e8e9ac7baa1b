// A small service that runs as the real ones do, and fails as FAULT says.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { z } from 'zod'
import { portNumber, readConfig } from '#platform/config/config.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { runService } from '#platform/process/run-service.ts'
import { createLogger, type Logger } from '#platform/telemetry/logger.ts'

const variables = z.object({
  PORT: portNumber,
  API_TOKEN: z.string().optional(),
  STORE: z.string().optional(),
  FAULT: z.string().optional(),
})

type Config = { readonly port: number; readonly fault: string | undefined; readonly logger: Logger }

const FAULTS: Readonly<Record<string, (logger: Logger) => Promise<unknown>>> = {
  missing: () => readFile('/nowhere/file'),
  refused: () => once(connect(1, '127.0.0.1'), 'connect'),
  async waits(logger) {
    logger.info('not yet, though another is listening')
    await new Promise(resolve => setTimeout(resolve, 60_000))
  },
  async later() {
    setImmediate(() => {
      throw new Error('something unforeseen')
    })
  },
  async rejected() {
    void Promise.reject(new Error('something unforeseen'))
  },
}

async function start({ port, fault, logger }: Config) {
  if (fault !== undefined) await FAULTS[fault]?.(logger)
  const http = createHttpServer({ name: 'sample', logger })
  const { url } = await http.listen({ host: '127.0.0.1', port })
  logger.info({ url }, 'sample is listening')
  return { url, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() }
}

await runService({
  name: 'sample',
  load: async () => ({
    readConfig(env): Config {
      const { PORT, FAULT } = readConfig(variables, env)
      return { port: PORT, fault: FAULT, logger: createLogger({ service: 'sample', level: 'info' }) }
    },
    start,
  }),
})
