// Several processes of each service, as on many machines: each its own main.ts, its callers knowing all addresses. Free of engines.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { environmentOf, type Machine, SERVICE_NAMES, type ServiceName, SUBGRAPHS } from '#start/topology.ts'
import { createSend, type Graphs } from '#testbed/shop-client.ts'
import { startBalancer } from './load-balancer.ts'
import { createMember, type Member } from './service-process.ts'

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
    /** The root of the web BFF behind a balancer, as its front ends have it. */
    readonly front: string
  }

// Below the ports that systems give to outgoing connections, one of which could take it while a process is down.
const LOWEST_PORT = 12_000
const HIGHEST_PORT = 32_000
/** Where nobody listens: the address of a service that has no process. */
const NOBODY = 1
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
  const portsOf = (service: ServiceName) =>
    placed.filter(place => place.service === service).map(({ port }) => port)
  const addresses = (service: ServiceName) =>
    [...portsOf(service), ...(copies[service] === 0 ? [NOBODY] : [])]
      .map(port => `http://127.0.0.1:${port}/graphql`)
      .join('|')
  const balancer = open.use(await startBalancer(portsOf('bff-web')))
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
        env: withoutFound({
          ...environmentOf(machine, service),
          ...addressesFor(service, addresses),
          ...env(service),
          PORT: String(port),
        }),
      }),
    ),
  )
  const running = open.move()
  return {
    members,
    of: service => members.filter(member => member.service === service),
    front: `http://127.0.0.1:${balancer.port}`,
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSend(inTurn(members)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Where a service finds those that it calls. */
function addressesFor(
  service: ServiceName,
  addresses: (service: ServiceName) => string,
): Readonly<Record<string, string>> {
  switch (service) {
    case 'orders':
      return {
        INVENTORY_URL: addresses('inventory'),
        PAYMENT_URL: addresses('payment'),
        SHIPPING_URL: addresses('shipping'),
      }
    case 'gateway':
      return { SUBGRAPH_URLS: SUBGRAPHS.map(name => `${name}=${addresses(name)}`).join(',') }
    case 'bff-web':
    case 'bff-mobile':
      return { GATEWAY_URL: addresses('gateway') }
    default:
      return {}
  }
}

const ADDRESSES = ['INVENTORY_URL', 'PAYMENT_URL', 'SHIPPING_URL', 'SUBGRAPH_URLS', 'GATEWAY_URL']

/** Where services find each other, none is told where the others are. */
function withoutFound(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (env.DISCOVERY_URL === undefined) return env
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ADDRESSES.includes(name)))
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
