// Runs one instance of Waybill: starts the database and the service hosts, seeds it once, and stops everything in order.
import { existsSync } from 'node:fs'
import { mkdir, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { removePidFile, shellVariables, writePidFile } from '#start/local-instance.ts'
import { checkPorts, provision } from '#start/provisioning.ts'
import { printReadyMessage } from '#start/ready-message.ts'
import { seed } from '#start/seed.ts'
import { readStartSettings, type StartSettings } from '#start/settings.ts'
import { type SupervisedHost, superviseHost } from '#start/supervisor.ts'
import {
  COMPILE_CACHE,
  type Deployment,
  environmentOf,
  processGroups,
  type ServiceName,
  urlOf,
} from '#start/topology.ts'

const LOG_LIMIT_BYTES = 50_000_000
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS']

type Run = {
  readonly settings: StartSettings
  readonly open: AsyncDisposableStack
  /** Aborts when a person or the system asks for a stop. */
  readonly stop: AbortSignal
}

/** Resolves with the exit code once everything has stopped. Throws OperatorError when the instance cannot start. */
export async function runInstance(env: NodeJS.ProcessEnv): Promise<number> {
  const stop = stopSignal()
  const settings = readStartSettings(env)
  await checkPorts(settings)
  let why: Error | undefined
  {
    await using open = new AsyncDisposableStack()
    try {
      const hosts = await start({ settings, open, stop })
      why = await Promise.race([aborted(stop), ...hosts.map(host => host.gaveUp)])
    } catch (error) {
      if (!stop.aborted) throw error // a failure during a stop is no error
    }
    if (why) console.error(why.message)
    say('\nstopping   services')
  }
  say(`stopped    data is kept; ${shellVariables(settings)}npm run reset deletes it`)
  return why ? 1 : 0
}

/** Aborts on the first signal. Repeats have no effect: npm forwards a Ctrl-C that the terminal has already sent. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort())
  // Writing fails once the terminal is closed or the disk is full; the instance goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return stop.signal
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return
  await new Promise(resolve => signal.addEventListener('abort', resolve))
}

/** Starts everything. The host processes load their modules while the database starts. */
async function start({ settings, open, stop }: Run): Promise<readonly SupervisedHost[]> {
  await mkdir(path.join(settings.dataDir, 'logs'), { recursive: true })
  const deployment = provision(settings, { open, say })
  const hosts = await startHosts(deployment, { settings, open, stop })
  const ready = await deployment
  open.defer(() => removePidFile(settings))
  await writePidFile(settings)
  stop.throwIfAborted()
  await seedOnce(ready, settings)
  printReadyMessage(ready, settings, say)
  return hosts
}

/** Starts all hosts. When one fails, throws its error and leaves the others to `open`. */
async function startHosts(deployment: Promise<Deployment>, running: Run): Promise<readonly SupervisedHost[]> {
  const outcomes = await Promise.allSettled(
    processGroups(running.settings.processes).map((names, index) =>
      startHost(deployment, names, { ...running, logName: `process-${index + 1}` }),
    ),
  )
  return outcomes.map(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

async function startHost(
  deployment: Promise<Deployment>,
  names: readonly ServiceName[],
  { settings, open, stop, logName }: Run & { readonly logName: string },
): Promise<SupervisedHost> {
  const inherited = INHERITED.flatMap(name => (process.env[name] ? [[name, process.env[name] ?? '']] : []))
  const host = await superviseHost({
    assignment: deployment.then(known => ({
      services: names.map(name => ({ name, env: environmentOf(known, name) })),
    })),
    preload: settings.traced ? [] : names, // tracing must be set up before the modules that it instruments are loaded
    logFile: await boundedLog(settings.dataDir, logName),
    say,
    signal: stop,
    env: {
      ...Object.fromEntries(inherited),
      APOLLO_TELEMETRY_DISABLED: '1',
      NODE_ENV: 'production', // for libraries: graphql checks every type twice otherwise; each service has its own
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    },
  })
  say(`services   ${names.join(', ')} ready`)
  return open.use(host)
}

async function boundedLog(dataDir: string, name: string): Promise<string> {
  const file = path.join(dataDir, 'logs', `${name}.log`)
  const size = await stat(file).then(
    found => found.size,
    () => 0,
  )
  if (size > LOG_LIMIT_BYTES) await truncate(file).catch(() => {}) // it keeps growing then
  return file
}

async function seedOnce(deployment: Deployment, settings: StartSettings): Promise<void> {
  const seeded = path.join(settings.dataDir, 'seeded')
  if (existsSync(seeded)) return
  say('seed       a small catalogue, two customers and a few orders')
  const issuer = await openEmbeddedIssuer(deployment.authDirectory)
  await seed(`${urlOf(deployment, 'bff-web')}/graphql`, issuer)
  await writeFile(seeded, `${new Date().toISOString()}\n`)
}

function say(line: string): void {
  console.log(line)
}
