// Runs a service as a process of its own: logs its version and settings, drains on a signal, and reports faults.
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { type Environment, maskSecret } from '#platform/config/config.ts'
import { exitOnceLogged } from '#platform/process/exit.ts'
import { describeFault, faultOf } from '#platform/process/fault.ts'
import { createLogger, type Logger } from '#platform/telemetry/logger.ts'
import { startTracing } from '#platform/telemetry/tracing.ts'

const NEARLY_STARTED_MS = 2_000

type Running = AsyncDisposable & { readonly url: string }

type ServiceProcess<Config extends { readonly logger: Logger }, Service extends Running> = {
  readonly name: string
  /** Loads the service once tracing has started, which must be there before what it traces. */
  readonly load: () => Promise<{
    /** Throws OperatorError CONFIG_INVALID. */
    readonly readConfig: (env: Environment) => Config
    readonly start: (config: Config) => Promise<Service>
  }>
  /** Called once the service listens and signals are handled. */
  readonly onStarted?: (service: Service, config: Config) => void
}

/**
 * Runs until SIGINT or SIGTERM, then drains: exit code 0, or 1 after a fault. With NODE_ENV=production it writes only log
 * lines: version and settings as it starts, and a fault. Otherwise a fault is a sentence on standard error.
 */
export async function runService<Config extends { readonly logger: Logger }, Service extends Running>(
  service: ServiceProcess<Config, Service>,
): Promise<void> {
  // A closed terminal or pipe must not end the process.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  let failed = false
  const fail = (error: unknown) => {
    if (failed) return
    failed = true
    reportFault(service.name, error)
    void exitOnceLogged(1)
  }
  process.on('uncaughtException', fail).on('unhandledRejection', fail)
  try {
    await serve(service)
  } catch (error) {
    reportFault(service.name, error)
    process.exitCode = 1
  }
}

async function serve<Config extends { readonly logger: Logger }, Service extends Running>({
  name,
  load,
  onStarted,
}: ServiceProcess<Config, Service>): Promise<void> {
  const { env } = process
  await using open = new AsyncDisposableStack()
  open.use(await startTracing({ service: name, endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT }))
  const { readConfig, start } = await load()
  const read = new Set<string>()
  const config = readConfig(watched(env, read))
  const { logger } = config
  if (isProduction()) logger.info({ ...thisProcess(), ...settingsOf(env, read) }, `${name} is starting`)
  const stopped = stopSignal()
  const starting = start(config)
  const early = stopped.then(signal => leaveEarly(name, { logger, signal, starting }))
  let asked = false
  open.defer(() => {
    if (asked) logger.info({ uptimeSeconds: Math.round(process.uptime()) }, `${name} has stopped`)
  })
  const running = open.use(await Promise.race([starting, early]))
  onStarted?.(running, config)
  logger.info({ signal: await stopped }, `${name} is stopping: it was asked to`)
  asked = true
}

/**
 * Waits for a start that is nearly done, since it may have accepted requests already. Otherwise ends the process: there is
 * nothing to drain before a service runs, and what it has begun survives any sudden end.
 */
async function leaveEarly<Service>(
  name: string,
  early: { readonly logger: Logger; readonly signal: NodeJS.Signals; readonly starting: Promise<Service> },
): Promise<Service> {
  const { logger, signal, starting } = early
  const late = delay(NEARLY_STARTED_MS, undefined, { ref: false })
  const running = await Promise.race([starting, late])
  if (running !== undefined) return running
  logger.info({ signal }, `${name} is stopping before it has started: it was asked to`)
  return await exitOnceLogged(0)
}

/** Resolves at the first SIGINT or SIGTERM. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  })
}

function isProduction(): boolean {
  return process.env.NODE_ENV === 'production'
}

function reportFault(name: string, error: unknown): void {
  if (!isProduction()) {
    console.error(describeFault(error))
    return
  }
  const { code, message, unexpected } = faultOf(error)
  const logger = createLogger({ service: name, level: 'info' })
  logger.fatal({ code, ...(unexpected && { err: error }) }, `${name} is stopping on a fault: ${message}`)
}

/** Returns the environment as a proxy that adds the variables that are read to `asked`. */
function watched(env: Environment, asked: Set<string>): Environment {
  return new Proxy(env, {
    get(target, name) {
      if (typeof name !== 'string') return undefined
      asked.add(name)
      return target[name]
    },
  })
}

/** Returns the variables that are set, with secrets masked, and the names of those that have their default. */
function settingsOf(
  env: Environment,
  asked: ReadonlySet<string>,
): { readonly settings: Readonly<Record<string, string>>; readonly defaults: readonly string[] } {
  const names = [...asked].sort()
  return {
    settings: Object.fromEntries(
      names.flatMap(name => (env[name] ? [[name, maskSecret(name, env[name])]] : [])),
    ),
    defaults: names.filter(name => !env[name]),
  }
}

const packageFile = z.object({ version: z.string() })

function thisProcess(): { version: string; node: string; pid: number } {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = packageFile.parse(JSON.parse(text))
  return { version, node: process.versions.node, pid: process.pid }
}
