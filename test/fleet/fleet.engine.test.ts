// Runs an import on two processes of each service, then kills each process and each engine in turn.
import process from 'node:process'
import { expect, test } from 'vitest'
import {
  type FaultOutcome,
  type FaultRun,
  formatOutcomes,
  importOrders,
  killEngine,
  killProcess,
} from '#test/fleet/fault-injection.ts'
import { findDiscrepancies } from '#test/start/ledger-audit.ts'
import { expectOutcomes, untilAtRest, untilEmpty } from '#test/start/order-outcomes.ts'
import { startTraffic } from '#test/start/traffic.ts'
import { type EngineSet, openPostgresSet, openScaleOutSet } from '#testbed/fleet/engine-set.ts'
import { startFleet } from '#testbed/fleet/fleet.ts'
import { createRecoveryProbe } from '#testbed/fleet/recovery-probe.ts'

const IMPORTED = Number(process.env.FLEET_ORDERS ?? 1_000)
const TIMEOUT_MS = 90 * 60_000
const SHOPPERS = 5
/** At most two checkouts a second, and fewer where they take longer. */
const PACE = { pauseMs: 2_000, settleWithinMs: 10_000 }

const QUICK = {
  CARRIER_SANDBOX_STEP_MS: '100',
  PAYMENT_SANDBOX_APPROVAL_MS: '100',
  APPROVAL_TIMEOUT_MS: '3000',
}

const SETS: readonly { readonly name: string; open(): Promise<EngineSet> }[] = [
  { name: 'PostgreSQL for everything', open: openPostgresSet },
  { name: 'an engine for each port', open: openScaleOutSet },
]

for (const { name, open } of SETS)
  test(
    `${name}: nothing is lost or charged twice whichever process or engine dies`,
    async () => {
      await using set = await open()
      for (const line of set.missing) console.log(`left out: ${line}`)
      console.log(`on ${set.engines.map(({ version }) => version).join(', ')}`)
      await using fleet = await startFleet({
        databases: set.databases,
        env: service => ({ ...QUICK, ...set.env(service) }),
      })
      const report = await importOrders(fleet, IMPORTED)
      console.log(report)
      const prober = await createRecoveryProbe(fleet)
      const usual = await prober.recover()
      const traffic = await startTraffic(fleet, SHOPPERS, PACE)
      const soak: FaultRun = { fleet, set, prober, traffic }

      const outcomes: FaultOutcome[] = []
      const note = (outcome: FaultOutcome | undefined) => {
        if (!outcome) return
        outcomes.push(outcome)
        console.log(formatOutcomes([outcome]).split('\n')[1])
      }
      for (const member of fleet.processes) note(await killProcess(soak, member))
      for (const engine of set.engines) note(await killEngine(soak, engine))
      await traffic.finish()
      console.log(
        `${formatOutcomes(outcomes)}\nundisturbed, an order is completed after ${usual.completedMs.toFixed(0)} ms`,
      )
      await expectBooks(soak)
      expect(rowsOf(await importOrders(fleet, IMPORTED))).toEqual(rowsOf(report))
    },
    TIMEOUT_MS,
  )

async function expectBooks({ fleet, set, traffic }: FaultRun): Promise<void> {
  const customers = traffic.shoppers.map(({ id }) => id)
  await untilAtRest(fleet, customers, set.name)
  expect(await untilEmpty(() => findDiscrepancies(set.stores, customers))).toEqual([])
  await expectOutcomes(fleet, traffic, set.name)
  for (const answered of traffic.answered.slice(-20))
    expect(await traffic.repeat(answered), answered.key).toBe(answered.orderId)
  console.log(`${traffic.answered.length} checkouts answered`)
}

/** The report without its duration. */
function rowsOf(report: string): string {
  return report.replace(/ in [\d.]+ s/, '')
}
