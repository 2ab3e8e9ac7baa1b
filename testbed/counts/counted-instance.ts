// Starts a whole instance whose work is counted, for the checkout benchmark and the test that holds its counts.
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { databaseFolders } from '#start/postgres-cluster.ts'
import { findServer } from '#start/postgres-server.ts'
import { type CheckoutLoad, openCheckoutLoad } from '#testbed/checkout-load.ts'
import { prepareCountedCluster } from '#testbed/counts/counted-cluster.ts'
import { openDatabaseMeter, REPORT_MS } from '#testbed/counts/database-meter.ts'
import type { Measured } from '#testbed/counts/measured.ts'
import { countIdle, type Meters } from '#testbed/counts/order-counts.ts'
import { openCpuMeter } from '#testbed/counts/process-cpu.ts'
import { createSender } from '#testbed/shop-client.ts'
import { freePortBase, openDataDir, startWaybill, type WaybillProcess } from '#testbed/waybill-process.ts'

/** A publisher looks for this long after its last event whether all of its messages are surely on disk. */
const SETTLED_MS = 40_000
/** The sweeps of all services come once within this time. */
const UNUSED_MS = 30_000

type CountedInstance = AsyncDisposable & {
  readonly instance: WaybillProcess
  readonly shop: CheckoutLoad
  readonly meters: Meters
  /** Counted over seconds in which nobody had sent anything yet, after what the start leaves to do. */
  readonly unused: Measured
}

/** Starts the instance with a durable database and fast parcels, and prepares a shop. At most `connections` send at once. */
export async function startCountedInstance({
  connections,
  vacuum = true,
}: {
  readonly connections: number
  readonly vacuum?: boolean
}): Promise<CountedInstance> {
  await using open = new AsyncDisposableStack()
  const { dataDir } = open.use(await openDataDir())
  await prepareCountedCluster(dataDir, { vacuum })
  const instance = open.use(
    await startWaybill({
      dataDir,
      portBase: await freePortBase(),
      env: { CARRIER_SANDBOX_STEP_MS: '20', LOG_LEVEL: 'warn' },
    }),
  )
  const pool = new Pool(instance.url('bff-web'), { connections })
  open.defer(() => pool.close())
  const meters: Meters = {
    database: open.use(await openDatabaseMeter(dataDir)),
    cpu: await openCpuMeter(instance, await serverOf(dataDir)),
    urls: [instance.url('orders'), instance.url('bff-web')],
    reportMs: REPORT_MS,
  }
  await delay(SETTLED_MS)
  const unused = await countIdle(meters, UNUSED_MS)
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const shop = await openCheckoutLoad(pool, {
    token: (role, subject = role) => issuer.sign({ role, subject }),
    send: createSender(service => `${instance.url(service)}/graphql`),
  })
  const running = open.move()
  return { instance, shop, meters, unused, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function serverOf(dataDir: string): Promise<number> {
  for (const folder of await databaseFolders(path.join(dataDir, 'postgres'))) {
    const server = await findServer(path.join(folder, 'cluster'))
    if (server) return server.pid
  }
  throw new Error('no database server runs')
}
