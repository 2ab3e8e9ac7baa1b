// Who owns what among several processes, as PostgreSQL has it: the stores' consumers, and the bus's groups. Free of services.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** `name` is unique over all databases, such as `orders publisher`. */
export type Lease = { readonly name: string; readonly owner: string | null }

export type LeaseStores = {
  /** Event stores by service. */
  readonly stores: Readonly<Record<string, string>>
  /** Absent where the bus is not in PostgreSQL. */
  readonly bus?: string
}

const STORE_LEASES = 'SELECT name, owner FROM event_store.consumers'
const BUS_LEASES = `SELECT subscriber || ' of ' || topic AS name, owner FROM event_bus.checkpoints`
const RENEWED_AFTER = ' WHERE owner IS NOT NULL AND lease_until > $1'
const LOOK_MS = 50
const PATIENCE_MS = 60_000
/** The longest that a lease holds without its owner. */
const LEASE_MS = 5_000

/** Every lease, with its present owner. */
export async function readLeases(places: LeaseStores): Promise<Lease[]> {
  return eachPlace(places, (client, sql) => client.query<Lease>(sql))
}

/**
 * After a process died at the instant `since`: milliseconds from then until each lease was held by a living process,
 * by its name. A lease that is renewed past what an owner could have got before `since` has a living one.
 */
export async function untilHeld(places: LeaseStores, since: Date): Promise<ReadonlyMap<string, number>> {
  const wanted = (await readLeases(places)).length
  const held = new Map<string, number>()
  const sureAt = new Date(since.getTime() + LEASE_MS)
  const late = AbortSignal.timeout(PATIENCE_MS)
  while (held.size < wanted) {
    const rows = await eachPlace(places, (client, sql) => client.query<Lease>(sql + RENEWED_AFTER, [sureAt]))
    for (const { name } of rows) if (!held.has(name)) held.set(name, Date.now() - since.getTime())
    if (late.aborted) {
      const missing = (await readLeases(places)).filter(({ name }) => !held.has(name))
      throw new Error(`nobody took over ${missing.map(({ name }) => name).join(', ')}`)
    }
    await delay(LOOK_MS)
  }
  return held
}

async function eachPlace(
  { stores, bus }: LeaseStores,
  ask: (client: pg.Client, sql: string) => Promise<{ rows: Lease[] }>,
): Promise<Lease[]> {
  const places = [
    ...Object.entries(stores).map(([service, url]) => ({ prefix: `${service} `, url, sql: STORE_LEASES })),
    ...(bus === undefined ? [] : [{ prefix: '', url: bus, sql: BUS_LEASES }]),
  ]
  const found = await Promise.all(
    places.map(async ({ prefix, url, sql }) => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try {
        const { rows } = await ask(client, sql)
        return rows.map(row => ({ ...row, name: `${prefix}${row.name}` }))
      } finally {
        await client.end()
      }
    }),
  )
  return found.flat()
}
