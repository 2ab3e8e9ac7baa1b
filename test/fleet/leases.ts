// Reads from PostgreSQL which process owns which lease: consumers of the event stores, and groups of the bus.
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

/** `name` is unique over all databases, such as `orders publisher`. */
export type Lease = { readonly name: string; readonly owner: string | null }

export type LeaseStores = {
  /** Connection strings of the event stores by service. */
  readonly stores: Readonly<Record<string, string>>
  /** Absent when the bus is not in PostgreSQL. */
  readonly bus?: string
}

const STORE_LEASES = 'SELECT name, owner FROM event_store.consumers'
const BUS_LEASES = `SELECT subscriber || ' of ' || topic AS name, owner FROM event_bus.checkpoints`
const RENEWED_AFTER = ' WHERE owner IS NOT NULL AND lease_until > $1'
const LOOK_MS = 50
const PATIENCE_MS = 60_000
/** The longest that a lease outlives its owner. */
const LEASE_MS = 7_500

/** Returns every lease with its present owner. */
export async function readLeases(places: LeaseStores): Promise<Lease[]> {
  return eachPlace(places, (client, sql) => client.query<Lease>(sql))
}

/**
 * Returns, by lease, the milliseconds from `since`, when a process died, until a living process held it. A lease that is
 * renewed past what an owner could have got before `since` has a living one.
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
