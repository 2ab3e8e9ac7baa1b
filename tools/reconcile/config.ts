// Reads which databases to compare: those that the environment names, or those of the local instance.
import { z } from 'zod'
import { type Environment, readConfig, urlWithScheme } from '#platform/config/config.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { usageError } from '#tools/command-line.ts'
import { reconcile } from '#tools/commands.ts'
import { localDatabases } from '#tools/local-database.ts'
import type { ServiceStores } from '#tools/reconcile/sources.ts'

const database = urlWithScheme('postgres', 'postgresql').optional()
const views = urlWithScheme('postgres', 'postgresql', 'mongodb', 'mongodb+srv').optional()
const schema = z.object({
  ORDERS_DATABASE_URL: z.optional(database),
  INVENTORY_DATABASE_URL: z.optional(database),
  PAYMENT_DATABASE_URL: z.optional(database),
  SHIPPING_DATABASE_URL: z.optional(database),
  ORDERS_READ_MODELS_URL: z.optional(views),
  INVENTORY_READ_MODELS_URL: z.optional(views),
  PAYMENT_READ_MODELS_URL: z.optional(views),
  SHIPPING_READ_MODELS_URL: z.optional(views),
})

/** Throws OperatorError USAGE when only some databases are named, CONFIG_INVALID for an invalid URL, and NOT_RUNNING. */
export async function readServiceStores(env: Environment): Promise<ServiceStores> {
  const read = readConfig(schema, env)
  const given = {
    orders: read.ORDERS_DATABASE_URL,
    inventory: read.INVENTORY_DATABASE_URL,
    payment: read.PAYMENT_DATABASE_URL,
    shipping: read.SHIPPING_DATABASE_URL,
  }
  const missing = SUBGRAPHS.filter(service => given[service] === undefined)
  if (missing.length > 0 && missing.length < SUBGRAPHS.length) {
    const names = missing.map(service => `${service.toUpperCase()}_DATABASE_URL`)
    throw usageError(reconcile, `${names.join(' and ')} should be set too: name all four databases, or none.`)
  }
  const local = missing.length > 0 ? await localDatabases('the four variables of --help') : undefined
  const place = (database = '', readModels = database) => ({ database, readModels })
  return {
    orders: place(given.orders ?? local?.('orders'), read.ORDERS_READ_MODELS_URL),
    inventory: place(given.inventory ?? local?.('inventory'), read.INVENTORY_READ_MODELS_URL),
    payment: place(given.payment ?? local?.('payment'), read.PAYMENT_READ_MODELS_URL),
    shipping: place(given.shipping ?? local?.('shipping'), read.SHIPPING_READ_MODELS_URL),
  }
}
