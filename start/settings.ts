// Reads the settings of `npm start` from the environment: ports, data folder and what services inherit. All have defaults.
import path from 'node:path'
import { z } from 'zod'
import { readConfig, urlWithScheme } from '#platform/config/config.ts'
import { checkEventBusUrl } from '#platform/event-bus/url.ts'
import { corsOrigins } from '#platform/http/cors.ts'

const schema = z.object({
  PORT_BASE: z.coerce.number().int().min(1024).max(65_000).default(4000),
  DATA_DIR: z.string().min(1).default('.data'),
  HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  CARRIER_SANDBOX_STEP_MS: z.coerce.number().int().min(0).max(86_400_000).default(2000),
  PAYMENT_SANDBOX_APPROVAL_MS: z.coerce.number().int().min(0).max(86_400_000).default(1000),
  APPROVAL_TIMEOUT_MS: z.coerce.number().int().min(100).max(86_400_000).default(600_000),
  AUTHORISATION_TIMEOUT_MS: z.coerce.number().int().min(100).max(86_400_000).default(300_000),
  CAPTURE_AT: z.enum(['label', 'dispatch']).default('label'),
  RESERVATION_MS: z.coerce.number().int().min(1000).max(86_400_000).default(1_800_000),
  EVENT_BUS_URL: z.string().superRefine(checkEventBusUrl).optional(),
  WORKFLOW_URL: urlWithScheme('temporal').optional(),
  CORS_ORIGINS: corsOrigins,
  WAYBILL_PROCESSES: z.coerce.number().int().min(1).max(3).default(2),
})

export type StartSettings = {
  readonly portBase: number
  readonly dataDir: string
  readonly host: string
  readonly processes: number
  /** Says whether the services export traces. */
  readonly traced: boolean
  /** The variables that every service gets unchanged. */
  readonly sharedEnv: Readonly<Record<string, string>>
}

const PASSED = [
  'LOG_LEVEL',
  'CARRIER_SANDBOX_STEP_MS',
  'PAYMENT_SANDBOX_APPROVAL_MS',
  'APPROVAL_TIMEOUT_MS',
  'AUTHORISATION_TIMEOUT_MS',
  'CAPTURE_AT',
  'RESERVATION_MS',
] as const

/** Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readStartSettings(env: Readonly<Record<string, string | undefined>>): StartSettings {
  const read = readConfig(schema, env)
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT
  return {
    portBase: read.PORT_BASE,
    dataDir: path.resolve(read.DATA_DIR),
    host: read.HOST,
    processes: read.WAYBILL_PROCESSES,
    traced: Boolean(endpoint),
    sharedEnv: {
      ...Object.fromEntries(PASSED.map(name => [name, String(read[name])])),
      ...(read.EVENT_BUS_URL && { EVENT_BUS_URL: read.EVENT_BUS_URL }),
      ...(read.WORKFLOW_URL && { WORKFLOW_URL: read.WORKFLOW_URL }),
      ...(read.CORS_ORIGINS && { CORS_ORIGINS: read.CORS_ORIGINS.join() }),
      ...(endpoint && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
    },
  }
}
