// The engines that a fleet stands on, and the variables that say so to its services. Free of services.
import type { ServiceName } from '#start/layout.ts'
import type { RunningEngine } from '#test/engines/engine.ts'
import type { BookPlaces } from '#test/start/books.ts'
import type { Databases } from './fleet.ts'
import { startOwnPostgres } from './postgres.ts'

export type SetEngine = {
  readonly version: string
  /** Absent for an engine that is not ours to hurt. */
  readonly faults?: RunningEngine['faults']
}

export type EngineSet = AsyncDisposable & {
  readonly name: string
  readonly databases: Databases
  readonly books: BookPlaces
  readonly engines: readonly SetEngine[]
  /** Engines that cannot be had here, with what they would be for. */
  readonly missing: readonly string[]
  env(service: ServiceName): Readonly<Record<string, string>>
}

/** PostgreSQL for everything. */
export async function openEmbeddedSet(): Promise<EngineSet> {
  await using open = new AsyncDisposableStack()
  const postgres = open.use(await startOwnPostgres())
  const databases = await makeDatabases(postgres.database)
  const running = open.move()
  return {
    name: 'embedded',
    databases,
    books: databases,
    engines: [postgres],
    missing: [],
    env: () => ({}),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
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
