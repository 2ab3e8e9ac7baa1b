// Starts several processes of each service, as on many machines: each runs its main.ts and knows its callees' addresses.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { type Deployment, environmentOf, SERVICE_NAMES, type ServiceName } from '#start/topology.ts'
import { createSender, type PlatformClient } from '#testbed/shop-client.ts'
import { isFree, randomPort } from '#testbed/waybill-process.ts'
import { startLoadBalancer } from './load-balancer.ts'
import { createServiceProcess, type ServiceProcess } from './service-process.ts'

export type Databases = Deployment['databaseUrls']

type FleetOptions = {
  readonly databases: Databases
  /** How many processes a service has; 2 when left out, none for 0. */
  readonly counts?: Partial<Readonly<Record<ServiceName, number>>>
  /** Added to a service's environment, for example the URLs of engines. */
  readonly env?: (service: ServiceName) => Readonly<Record<string, string>>
}

export type Fleet = AsyncDisposable &
  PlatformClient & {
    readonly processes: readonly ServiceProcess[]
    processesOf(service: ServiceName): readonly ServiceProcess[]
    /** The root URL of the web BFF behind a load balancer, as its front ends use it. */
    readonly webUrl: string
  }

/** A port on which nobody listens: the address of a service that has no process. */
const NOBODY = 1
const SECRET = 'a-secret-for-tests-only'

/** Starts the fleet and resolves once every process is ready. `send` uses a service's living processes in turn. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const fleet = await prepareFleet(options)
  try {
    for (const each of fleet.processes) each.launch()
    await Promise.all(fleet.processes.map(each => each.ready()))
    return fleet
  } catch (error) {
    await fleet[Symbol.asyncDispose]()
    throw error
  }
}

/** Prepares the fleet without starting its processes. */
async function prepareFleet({ databases, counts = {}, env = () => ({}) }: FleetOptions): Promise<Fleet> {
  await using open = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-fleet-'))
  open.defer(() => rm(folder, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(folder)
  const places = SERVICE_NAMES.flatMap(service =>
    Array.from({ length: counts[service] ?? 2 }, (_, index) => ({ service, index })),
  )
  const ports = await freePorts(places.length)
  const placed = places.map((place, at) => ({ ...place, port: ports[at] ?? 0 }))
  const portsOf = (service: ServiceName) =>
    placed.filter(place => place.service === service).map(({ port }) => port)
  const addresses = (service: ServiceName) =>
    [...portsOf(service), ...(counts[service] === 0 ? [NOBODY] : [])]
      .map(port => `http://127.0.0.1:${port}/graphql`)
      .join('|')
  const balancer = open.use(await startLoadBalancer(portsOf('bff-web')))
  const deployment: Deployment = {
    host: '127.0.0.1',
    portBase: 0,
    databaseUrls: databases,
    authDirectory: folder,
    jwks: issuer.jwks.href,
    issuer: issuer.issuer,
    audience: issuer.audience,
    secrets: { payment: SECRET, carrier: SECRET },
    sharedEnv: { LOG_LEVEL: 'info' },
  }
  const processes = placed.map(({ service, index, port }) =>
    open.use(
      createServiceProcess({
        service,
        index,
        logFile: path.join(folder, `${service}-${index}.log`),
        env: withoutFound({
          ...environmentOf(deployment, service),
          ...addressesFor(service, addresses),
          ...env(service),
          PORT: String(port),
        }),
      }),
    ),
  )
  const running = open.move()
  return {
    processes,
    processesOf: service => processes.filter(each => each.service === service),
    webUrl: `http://127.0.0.1:${balancer.port}`,
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSender(inTurn(processes)),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Returns the addresses of the services that a service calls. */
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

/** Removes the addresses when services discover each other. */
function withoutFound(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (env.DISCOVERY_URL === undefined) return env
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ADDRESSES.includes(name)))
}

/** Returns the GraphQL endpoint of the service's next living process, or of any when none lives. */
function inTurn(processes: readonly ServiceProcess[]): (service: ServiceName) => string {
  let turn = 0
  return service => {
    const own = processes.filter(each => each.service === service)
    const living = own.filter(each => each.isRunning())
    const candidates = living.length > 0 ? living : own
    turn += 1
    return `${candidates[turn % candidates.length]?.url}/graphql`
  }
}

async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = randomPort()
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}
