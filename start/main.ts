// `npm start`: the whole platform on one machine, until Ctrl-C.

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import process from 'node:process'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { printAddresses } from '#start/addresses.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import {
  environmentOf,
  type Machine,
  portOf,
  processGroups,
  SERVICE_NAMES,
  SUBGRAPHS,
  urlOf,
} from '#start/layout.ts'
import { seed } from '#start/seed.ts'
import { readStartSettings, type StartSettings } from '#start/settings.ts'
import { type SupervisedHost, superviseHost } from '#start/supervisor.ts'

const LOG_LIMIT_BYTES = 50_000_000
const began = performance.now()

function say(line: string): void {
  console.log(line)
}

async function freePorts(settings: StartSettings): Promise<void> {
  const busy: string[] = []
  for (const name of SERVICE_NAMES) {
    const port = portOf(settings, name)
    const free = await new Promise<boolean>(resolve => {
      const probe = createServer().once('error', () => resolve(false))
      probe.listen(port, settings.host, () => probe.close(() => resolve(true)))
    })
    if (!free) busy.push(`${port} (${name})`)
  }
  if (busy.length > 0)
    throw new OperatorError(
      'PORT_IN_USE',
      `in use already: port ${busy.join(', ')}. Stop what listens there, or set PORT_BASE (now ${settings.portBase}) to another number`,
    )
}

/** Webhook secrets of the sandbox providers, made once and kept with the data. */
async function sandboxSecrets(dataDir: string): Promise<Machine['secrets']> {
  const read = async (name: string) => {
    const file = path.join(dataDir, 'auth', `${name}-webhook-secret`)
    if (!existsSync(file)) await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600 })
    return readFile(file, 'utf8')
  }
  return { payment: await read('payment'), carrier: await read('carrier') }
}

async function boundedLog(dataDir: string, name: string): Promise<string> {
  const file = path.join(dataDir, 'logs', `${name}.log`)
  await mkdir(path.dirname(file), { recursive: true })
  const size = await stat(file).then(
    found => found.size,
    () => 0,
  )
  if (size > LOG_LIMIT_BYTES) await truncate(file)
  return file
}

async function startHosts(
  machine: Machine,
  settings: StartSettings,
  open: AsyncDisposableStack,
): Promise<SupervisedHost[]> {
  const env = Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR', 'TZ', 'NODE_EXTRA_CA_CERTS'].flatMap(name =>
      process.env[name] ? [[name, process.env[name] ?? '']] : [],
    ),
  )
  return Promise.all(
    processGroups(settings.processes).map(async (names, index) => {
      const logFile = await boundedLog(settings.dataDir, `process-${index + 1}`)
      const services = names.map(name => ({ name, env: environmentOf(machine, name) }))
      const host = open.use(
        await superviseHost({
          assignment: { services },
          logFile,
          say,
          env: {
            ...env,
            APOLLO_TELEMETRY_DISABLED: '1',
            NODE_COMPILE_CACHE: path.join(settings.dataDir, 'compile-cache'),
          },
        }),
      )
      say(`services   ${names.join(', ')} ready`)
      return host
    }),
  )
}

async function main(): Promise<void> {
  const settings = readStartSettings(process.env)
  const stopped = new Promise<string>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(signal))
  })
  await freePorts(settings)
  const first = !existsSync(path.join(settings.dataDir, 'postgres', 'cluster'))
  await mkdir(path.join(settings.dataDir, 'auth'), { recursive: true })
  await chmod(path.join(settings.dataDir, 'auth'), 0o700)

  await using open = new AsyncDisposableStack()
  say(`database   PostgreSQL, ${first ? 'created' : 'kept'} in ${settings.dataDir}`)
  const postgres = open.use(
    await startEmbeddedPostgres({
      directory: path.join(settings.dataDir, 'postgres'),
      log: line => say(`database   ${line}`),
    }),
  )
  const names = [...SUBGRAPHS, 'bus'] as const
  const urls: string[] = []
  for (const name of names) urls.push(await postgres.database(`waybill_${name}`))
  const [orders = '', inventory = '', payment = '', shipping = '', bus = ''] = urls
  const issuer = await openEmbeddedIssuer(path.join(settings.dataDir, 'auth'))
  const machine: Machine = {
    host: settings.host,
    portBase: settings.portBase,
    databaseUrls: { orders, inventory, payment, shipping, bus },
    authDirectory: path.join(settings.dataDir, 'auth'),
    jwks: issuer.jwks.href,
    issuer: issuer.issuer,
    audience: issuer.audience,
    secrets: await sandboxSecrets(settings.dataDir),
    passed: settings.passed,
  }
  say('migrations and services …')
  const hosts = await startHosts(machine, settings, open)
  const seeded = path.join(settings.dataDir, 'seeded')
  if (!existsSync(seeded)) {
    say('seed       a small catalogue, two customers and a few orders')
    await seed({ web: `${urlOf(machine, 'bff-web')}/graphql`, issuer })
    await writeFile(seeded, `${new Date().toISOString()}\n`)
  }
  printAddresses(machine, settings, performance.now() - began, say)

  const why = await Promise.race([stopped, ...hosts.map(host => host.gaveUp)])
  if (why instanceof Error) {
    console.error(why.message)
    process.exitCode = 1
  }
  say(`\nstopping   services, then the database`)
  await open.disposeAsync()
  say('stopped    data is kept; npm run reset deletes it')
}

try {
  await main()
} catch (error) {
  console.error(error instanceof OperatorError ? `${error.code}: ${error.message}` : error)
  process.exitCode = 1
}
