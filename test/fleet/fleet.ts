// Several processes of each service, as on many machines: each its own main.ts, found through a balancer. Free of engines.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { environmentOf, type Machine, SERVICE_NAMES, type ServiceName, SUBGRAPHS } from '#start/layout.ts'
import { createSend, type Graphs } from '#test/platform.ts'
import { type Balancer, startBalancer } from './balancer.ts'
import { createMember, type Member } from './member.ts'

export type Databases = Machine['databaseUrls']

export type FleetOptions = {
  readonly databases: Databases
  /** How many processes of a service; two when left out, none for 0. */
  readonly copies?: Partial<Readonly<Record<ServiceName, number>>>
  /** Added to a service's environment: the URLs of engines, and what makes a test quick. */
  readonly env?: (service: ServiceName) => Readonly<Record<string, string>>
}

export type Fleet = AsyncDisposable &
  Graphs & {
    readonly members: readonly Member[]
    of(service: ServiceName): readonly Member[]
    /** The address of a service as those have it who call it; GraphQL is at `/graphql`. */
    url(service: ServiceName): string
    /** The folder of the issuer of tokens. */
    readonly authDirectory: string
  }

// Below the ports that systems give to outgoing connections, one of which could take it while a process is down.
const LOWEST_PORT = 12_000
const HIGHEST_PORT = 32_000
const SECRET = 'a-secret-for-tests-only'

/** Resolves once every process is ready; `send` goes to a service's living processes in turn. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const fleet = await prepareFleet(options)
  try {
    for (const member of fleet.members) member.launch()
    await Promise.all(fleet.members.map(member => member.ready()))
    return fleet
  } catch (error) {
    await fleet[Symbol.asyncDispose]()
    throw error
  }
}

/** All but the processes' start. */
export async function prepareFleet({
  databases,
  copies = {},
  env = () => ({}),
}: FleetOptions): Promise<Fleet> {
  await using open = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-fleet-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(folder)
  const places = SERVICE_NAMES.flatMap(service =>
    Array.from({ length: copies[service] ?? 2 }, (_, index) => ({ service, index })),
  )
  const ports = await freePorts(places.length)
  const placed = places.map((place, at) => ({ ...place, port: ports[at] ?? 0 }))
  const balancers = new Map<ServiceName, Balancer>()
  for (const service of SERVICE_NAMES) {
    const own = placed.filter(place => place.service === service).map(({ port }) => port)
    if (own.length > 0) balancers.set(service, open.use(await startBalancer(own)))
  }
  const url = (service: ServiceName) => `http://127.0.0.1:${balancers.get(service)?.port ?? 0}`
  const machine: Machine = {
    host: '127.0.0.1',
    portBase: 0,
    databaseUrls: databases,
    authDirectory: folder,
    jwks: issuer.jwks.href,
    issuer: issuer.issuer,
    audience: issuer.audience,
    secrets: { payment: SECRET, carrier: SECRET },
    passed: { LOG_LEVEL: 'info' },
  }
  const members = placed.map(({ service, index, port }) =>
    open.use(
      createMember({
        service,
        index,
        logFile: path.join(folder, `${service}-${index}.log`),
        env: {
          ...environmentOf(machine, service),
          ...addressesFor(service, url),
          ...env(service),
          PORT: String(port),
        },
      }),
    ),
  )
  const running = open.move()
  return {
    members,
    of: service => members.filter(member => member.service === service),
    url,
    authDirectory: folder,
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSend(inTurn(members)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Where a service finds those that it calls. */
function addressesFor(
  service: ServiceName,
  url: (service: ServiceName) => string,
): Readonly<Record<string, string>> {
  switch (service) {
    case 'orders':
      return Object.fromEntries(
        (['inventory', 'payment', 'shipping'] as const).map(name => [
          `${name.toUpperCase()}_URL`,
          `${url(name)}/graphql`,
        ]),
      )
    case 'gateway':
      return { SUBGRAPH_URLS: SUBGRAPHS.map(name => `${name}=${url(name)}/graphql`).join(',') }
    case 'bff-web':
    case 'bff-mobile':
      return { GATEWAY_URL: `${url('gateway')}/graphql` }
    default:
      return {}
  }
}

/** The GraphQL endpoint of the next living process of a service; of any when none lives. */
function inTurn(members: readonly Member[]): (service: ServiceName) => string {
  let turn = 0
  return service => {
    const own = members.filter(member => member.service === service)
    const living = own.filter(member => member.isRunning())
    const candidates = living.length > 0 ? living : own
    turn += 1
    return `${candidates[turn % candidates.length]?.url}/graphql`
  }
}

async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT))
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer().once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
