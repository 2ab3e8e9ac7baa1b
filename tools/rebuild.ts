// Implements `npm run rebuild`: fills views of a service from its event log next to the live ones, then swaps them in.
import process from 'node:process'
import { isObject } from '#platform/domain/json.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import { rebuildView } from '#platform/read-models/rebuild.ts'
import { runCommand, usageError } from '#tools/command-line.ts'
import { rebuild } from '#tools/commands.ts'
import { localDatabase } from '#tools/local-database.ts'

const VIEWS = {
  orders: () => import('#subgraphs/orders/queries/views.ts'),
  inventory: () => import('#subgraphs/inventory/queries/views.ts'),
  payment: () => import('#subgraphs/payment/queries/views.ts'),
  shipping: () => import('#subgraphs/shipping/queries/views.ts'),
} as const
type Service = keyof typeof VIEWS

async function main([service, ...names]: readonly string[]): Promise<void> {
  if (!isService(service))
    throw usageError(
      rebuild,
      `SERVICE should be one of ${Object.keys(VIEWS).join(', ')}${service === undefined ? '' : `, not "${service}"`}.`,
    )
  const views = await chosenViews(service, names)
  const url = process.env.DATABASE_URL || (await localDatabase(service))
  await using store = await openPostgresEventStore({ url })
  await using readModels = await openReadModels(process.env.READ_MODELS_URL || url)
  for (const view of views) {
    const startedAt = performance.now()
    const events = await rebuildView(store, readModels, view)
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    console.log(`${service} ${view.collection.name}: rebuilt from ${events} events in ${seconds} s`)
  }
}

function isService(name: string | undefined): name is Service {
  return name !== undefined && Object.hasOwn(VIEWS, name)
}

async function chosenViews(service: Service, names: readonly string[]): Promise<View<Document>[]> {
  const exported: unknown[] = Object.values(await VIEWS[service]())
  const views = exported.filter(isView)
  const known = views.map(view => view.collection.name)
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined)
    throw usageError(rebuild, `${service} has no view "${unknown}"; it has ${known.join(', ')}.`)
  return names.length === 0 ? views : views.filter(view => names.includes(view.collection.name))
}

function isView(value: unknown): value is View<Document> {
  return isObject(value) && 'collection' in value && 'project' in value
}

if (import.meta.main) await runCommand(rebuild, ({ operands }) => main(operands))
