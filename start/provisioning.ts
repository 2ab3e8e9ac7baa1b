// Provides what the services need before they start: free ports, databases, a token issuer, webhook secrets.
import { existsSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { startEmbeddedPostgres } from '#start/embedded-postgres.ts'
import { secretIn } from '#start/postgres-cluster.ts'
import type { StartSettings } from '#start/settings.ts'
import { type Deployment, portOf, SERVICE_NAMES } from '#start/topology.ts'

/** Throws OperatorError PORT_IN_USE that names every port in use. */
export async function checkPorts(settings: StartSettings): Promise<void> {
  const wanted = SERVICE_NAMES.map(name => ({ name, port: portOf(settings, name) }))
  const free = await Promise.all(wanted.map(({ port }) => isFree(settings.host, port)))
  const busy = wanted.filter((_, index) => !free[index]).map(({ name, port }) => `${port} (${name})`)
  if (busy.length === 0) return
  throw new OperatorError(
    'PORT_IN_USE',
    `in use already: port ${busy.join(', ')}. Stop what listens there, or set PORT_BASE (now ${settings.portBase}) to another number`,
  )
}

/** Resolves with false only when the port is in use; an unusable host or a forbidden port throws CANNOT_LISTEN. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve(false)
      reject(
        new OperatorError('CANNOT_LISTEN', `cannot listen on ${host} port ${port}: ${error.message}`, error),
      )
    })
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}

/** Starts the database, which `open` owns from then on, and returns the deployment. */
export async function provision(
  settings: StartSettings,
  { open, say }: { readonly open: AsyncDisposableStack; readonly say: (line: string) => void },
): Promise<Deployment> {
  const authDirectory = path.join(settings.dataDir, 'auth')
  await mkdir(authDirectory, { recursive: true })
  await chmod(authDirectory, 0o700)
  const [databaseUrls, issuer, payment, carrier] = await Promise.all([
    openDatabases(settings, { open, say }),
    openEmbeddedIssuer(authDirectory),
    secretIn(path.join(authDirectory, 'payment-webhook-secret'), 32),
    secretIn(path.join(authDirectory, 'carrier-webhook-secret'), 32),
  ])
  return {
    host: settings.host,
    portBase: settings.portBase,
    databaseUrls,
    authDirectory,
    jwks: issuer.jwks.href,
    issuer: issuer.issuer,
    audience: issuer.audience,
    secrets: { payment, carrier },
    sharedEnv: settings.sharedEnv,
  }
}

async function openDatabases(
  { dataDir }: StartSettings,
  { open, say }: Parameters<typeof provision>[1],
): Promise<Deployment['databaseUrls']> {
  const directory = path.join(dataDir, 'postgres')
  const first = !existsSync(path.join(directory, 'password'))
  say(`database   PostgreSQL, ${first ? 'created' : 'kept'} in ${dataDir}`)
  const postgres = open.use(
    await startEmbeddedPostgres({ directory, log: line => say(`database   ${line}`) }),
  )
  open.defer(() => say('stopping   the database'))
  const named = [...SUBGRAPHS, 'bus'] as const
  const urls = await Promise.all(
    named.map(async name => [name, await postgres.database(`waybill_${name}`)] as const),
  )
  return Object.fromEntries(urls) as Deployment['databaseUrls']
}
