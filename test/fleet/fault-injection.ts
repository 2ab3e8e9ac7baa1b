// Kills each process and each engine of a fleet under a stream of checkouts, and measures its recovery.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { openOrders } from '#test/start/order-outcomes.ts'
import type { Traffic } from '#test/start/traffic.ts'
import type { EngineSet, FleetEngine } from '../../testbed/fleet/engine-set.ts'
import type { Fleet } from '../../testbed/fleet/fleet.ts'
import type { Recovery, RecoveryProbe } from '../../testbed/fleet/recovery-probe.ts'
import type { ServiceProcess } from '../../testbed/fleet/service-process.ts'
import { writeImportFiles } from './import-files.ts'
import { type LeaseStores, readLeases, untilHeld } from './leases.ts'

/** Milliseconds from the kill of a process, or from an engine's return. */
export type FaultOutcome = Recovery & {
  readonly victim: string
  /** Until all orders that were open at the kill had ended. */
  readonly settledMs: number
  /** From its restart until it was ready. */
  readonly readyMs: number
  /** Until each lease had a living owner, and the leases that changed owner. */
  readonly heldMs: number
  readonly leases: readonly string[]
}

export type FaultRun = {
  readonly fleet: Fleet
  readonly set: EngineSet
  readonly prober: RecoveryProbe
  readonly traffic: Traffic
}

const IMPORT = fileURLToPath(new URL('../../tools/import/main.ts', import.meta.url))
const SETTLE_MS = 180_000
const LOOK_MS = 200
/** How long an engine stays away. */
const AWAY_MS = 5_000

/** Imports made-up orders through the web BFF and returns the report; throws when it does not reconcile. */
export async function importOrders(fleet: Fleet, count: number): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-import-'))
  try {
    await writeImportFiles(folder, count)
    const env = { PATH: process.env.PATH ?? '', WAYBILL_TOKEN: await fleet.token('ops', 'import') }
    const args = [IMPORT, folder, '--url', `${fleet.webUrl}/graphql`, '--at-once', '16']
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    return stdout
  } catch (error) {
    const told = error instanceof Error && 'stdout' in error ? `${error.stdout}` : ''
    throw new Error(`the import does not reconcile:\n${told}`, { cause: error })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Kills a process, waits until the others have taken over, and restarts it. */
export async function killProcess(soak: FaultRun, member: ServiceProcess): Promise<FaultOutcome> {
  const places = leasePlaces(soak.set)
  const before = new Map((await readLeases(places)).map(({ name, owner }) => [name, owner]))
  const underWay = await openOrders(soak.fleet, customersOf(soak))
  const since = new Date()
  await member.kill()
  const [recovery, settledMs, held] = await Promise.all([
    soak.prober.recover(),
    untilEnded(soak, underWay),
    ownsLeases(member) ? untilHeld(places, since) : new Map<string, number>(),
  ])
  const moved = (await readLeases(places)).filter(({ name, owner }) => before.get(name) !== owner)
  const began = performance.now()
  member.launch()
  await member.ready()
  const readyMs = performance.now() - began
  const leases = moved.map(({ name }) => name)
  const heldMs = Math.max(0, ...leases.map(name => held.get(name) ?? 0))
  return { victim: member.name, ...recovery, settledMs, readyMs, heldMs, leases }
}

function ownsLeases({ service }: ServiceProcess): boolean {
  return SUBGRAPHS.some(name => name === service)
}

/** Kills an engine and restarts it after a while. The figures count from then on. */
export async function killEngine(
  soak: FaultRun,
  { version, faults }: FleetEngine,
): Promise<FaultOutcome | undefined> {
  if (!faults) return undefined
  const underWay = await openOrders(soak.fleet, customersOf(soak))
  await faults.kill()
  await delay(AWAY_MS)
  const began = performance.now()
  await faults.restart()
  const readyMs = performance.now() - began
  const [recovery, settledMs] = await Promise.all([soak.prober.recover(), untilEnded(soak, underWay)])
  await Promise.all(soak.fleet.processes.map(member => member.ready()))
  return { victim: version, ...recovery, settledMs, readyMs, heldMs: 0, leases: [] }
}

/** Formats the outcomes as a table, with a line that explains its columns. */
export function formatOutcomes(outcomes: readonly FaultOutcome[]): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(10)
  const rows = outcomes.map(
    ({ victim, answeredMs, completedMs, settledMs, readyMs, heldMs, leases }) =>
      `${victim.padEnd(24)}${[answeredMs, completedMs, settledMs, readyMs, heldMs].map(seconds).join('')}  ${leases.join(', ')}`,
  )
  const head = ['answered', 'completed', 'settled', 'ready', 'held'].map(name => name.padStart(10)).join('')
  return [
    `${'killed'.padEnd(24)}${head}  leases that moved`,
    ...rows,
    'answered, completed: a new order; settled: all orders that were under way; ready: what was killed, once started again; held: each lease',
  ].join('\n')
}

function leasePlaces({ databases, env }: EngineSet): LeaseStores {
  const { bus, ...stores } = databases
  return { stores, ...(env('orders').EVENT_BUS_URL === undefined && { bus }) }
}

function customersOf({ traffic }: FaultRun): readonly string[] {
  return traffic.shoppers.map(({ id }) => id)
}

async function untilEnded(soak: FaultRun, ids: readonly string[]): Promise<number> {
  const { fleet, traffic } = soak
  const began = performance.now()
  const customers = customersOf(soak)
  for (;;) {
    const open = await openOrders(fleet, customers).catch(() => ids)
    const left = ids.filter(id => open.includes(id))
    if (left.length === 0) return performance.now() - began
    if (performance.now() - began > SETTLE_MS) throw new Error(`orders have not ended: ${left.join(', ')}`)
    await Promise.race([delay(LOOK_MS), traffic.shopping])
  }
}
