// Runs the services in supervised host processes, as `npm start` does, over fresh databases.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { superviseHost } from '#start/supervisor.ts'
import { type Deployment, environmentOf, processGroups, type ServiceName, urlOf } from '#start/topology.ts'
import { freshDatabases } from '#test/fixtures/databases.ts'
import { createSender, type PlatformClient } from '#testbed/shop-client.ts'
import { freePortBase } from '#testbed/waybill-process.ts'

type ServiceHosts = AsyncDisposable &
  PlatformClient & {
    url(service: ServiceName): string
    /** Returns what the services have logged so far. */
    log(): Promise<string>
  }

/** Starts two hosts, domain and edge, with `env` added to every service's environment. */
export async function startServiceHosts(env: Readonly<Record<string, string>>): Promise<ServiceHosts> {
  await using open = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-hosts-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(folder)
  const deployment = await deploymentIn(folder, issuer, env)
  const groups = processGroups(2)
  const logFileOf = (index: number) => path.join(folder, `${index}.log`)
  const started = await Promise.allSettled(
    groups.map(async (names, index) =>
      open.use(
        await superviseHost({
          assignment: { services: names.map(name => ({ name, env: environmentOf(deployment, name) })) },
          logFile: logFileOf(index),
          say: () => {},
          env: { PATH: process.env.PATH ?? '', APOLLO_TELEMETRY_DISABLED: '1' },
        }),
      ),
    ),
  )
  for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason
  const running = open.move()
  return {
    url: service => urlOf(deployment, service),
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSender(service => `${urlOf(deployment, service)}/graphql`),
    log: async () =>
      (await Promise.all(groups.map((_, index) => readFile(logFileOf(index), 'utf8')))).join('\n'),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type Issuer = Awaited<ReturnType<typeof openEmbeddedIssuer>>

async function deploymentIn(
  folder: string,
  issuer: Issuer,
  env: Deployment['sharedEnv'],
): Promise<Deployment> {
  return {
    host: '127.0.0.1',
    portBase: await freePortBase(),
    databaseUrls: await freshDatabases(),
    authDirectory: folder,
    jwks: issuer.jwks.href,
    issuer: issuer.issuer,
    audience: issuer.audience,
    secrets: { payment: 'a-secret-for-tests-only', carrier: 'a-secret-for-tests-only' },
    sharedEnv: env,
  }
}
