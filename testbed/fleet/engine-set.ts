// Starts the engines under a fleet, and names them to its services in environment variables.
import { randomUUID } from 'node:crypto'
import type { SubgraphName } from '#platform/subgraph/names.ts'
import type { ServiceName } from '#start/topology.ts'
import { consul } from '#testbed/engines/consul.ts'
import { type Engine, missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { kafka } from '#testbed/engines/kafka.ts'
import { mongodb } from '#testbed/engines/mongodb.ts'
import { redis } from '#testbed/engines/redis.ts'
import { temporal } from '#testbed/engines/temporal.ts'
import { startDurablePostgres } from './durable-postgres.ts'
import type { Databases } from './fleet.ts'

export type FleetEngine = {
  readonly version: string
  /** Absent for an engine that is not ours to disturb. */
  readonly faults?: RunningEngine['faults']
}

/** Connection strings of each subgraph's event store, and of its read models when they are in another database. */
export type StoreUrls = Readonly<Record<SubgraphName, string>> & {
  readonly views?: Readonly<Record<SubgraphName, string>>
}

export type EngineSet = AsyncDisposable & {
  readonly name: string
  readonly databases: Databases
  readonly stores: StoreUrls
  readonly engines: readonly FleetEngine[]
  /** Engines that are not available here, each with the reason. */
  readonly missing: readonly string[]
  env(service: ServiceName): Readonly<Record<string, string>>
}

/** Starts PostgreSQL alone, for everything. */
export function openPostgresSet(): Promise<EngineSet> {
  return openSet('embedded', [])
}

/** Starts PostgreSQL for the event stores, and every engine that is available for the rest; PostgreSQL replaces the others. */
export function openScaleOutSet(): Promise<EngineSet> {
  return openSet('scale-out', PLACES)
}

/** An engine with the variables that direct a service to it. */
type Place = {
  readonly engine: Engine
  readonly variables: (url: string, service: ServiceName) => Readonly<Record<string, string>>
  /** Returns the URL of a service's views, for an engine that stores views. */
  readonly views?: (url: string, service: string) => string
}

/** Names this run's databases on a server that others may share. */
const RUN = randomUUID().slice(0, 8)

const PLACES: readonly Place[] = [
  { engine: kafka, variables: url => ({ EVENT_BUS_URL: url }) },
  { engine: redis, variables: url => ({ CACHE_URL: url }) },
  {
    engine: mongodb,
    variables: (url, service) => ({ READ_MODELS_URL: databaseAt(url, service) }),
    views: databaseAt,
  },
  { engine: temporal, variables: url => ({ WORKFLOW_URL: url }) },
  { engine: consul, variables: url => ({ DISCOVERY_URL: url }) },
]

/** Returns the URL of a service's own database on the server. */
function databaseAt(url: string, service: string): string {
  return url.replace(/^([^/]+\/\/[^/?]+)\/?[^?]*/, `$1/fleet_${RUN}_${service}`)
}

async function openSet(name: string, places: readonly Place[]): Promise<EngineSet> {
  await using open = new AsyncDisposableStack()
  const postgres = open.use(await startDurablePostgres())
  const databases = await makeDatabases(postgres.database)
  const had = places.flatMap(place => {
    const found = place.engine.find()
    return found ? [{ ...place, found }] : []
  })
  const started = await Promise.all(
    had.map(async ({ found, ...place }) => ({
      ...place,
      version: found.version,
      running: open.use(await found.start()),
    })),
  )
  const [viewsOf] = started.flatMap(({ views, running }) =>
    views ? [(name: string) => views(running.url, name)] : [],
  )
  const running = open.move()
  return {
    name,
    databases,
    stores: { ...databases, ...(viewsOf && { views: eachSubgraph(viewsOf) }) },
    engines: [
      ...started.map(({ version, running: { faults } }) => ({ version, ...(faults && { faults }) })),
      postgres,
    ],
    missing: places
      .filter(({ engine }) => !had.some(place => place.engine === engine))
      .map(({ engine }) => `${engine.name}: ${missingReason(engine)}`),
    env: service =>
      Object.assign({}, ...started.map(({ variables, running: { url } }) => variables(url, service))),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function eachSubgraph(of: (name: string) => string): NonNullable<StoreUrls['views']> {
  return {
    orders: of('orders'),
    inventory: of('inventory'),
    payment: of('payment'),
    shipping: of('shipping'),
  }
}

async function makeDatabases(make: (name: string) => Promise<string>): Promise<Databases> {
  const [orders, inventory, payment, shipping, bus] = await Promise.all([
    make('orders'),
    make('inventory'),
    make('payment'),
    make('shipping'),
    make('bus'),
  ])
  return { orders, inventory, payment, shipping, bus }
}
