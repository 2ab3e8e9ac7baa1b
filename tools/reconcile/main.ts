// Implements `npm run reconcile`: compares orders, payments, stock and parcels across the services and names every difference.
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { describeFault } from '#platform/process/fault.ts'
import { type CommandInput, runCommand, usageError } from '#tools/command-line.ts'
import { reconcile as command } from '#tools/commands.ts'
import { DIFFERENCE_KINDS, type Difference } from '#tools/reconcile/compare.ts'
import { readServiceStores } from '#tools/reconcile/config.ts'
import { metricsText, writeMetrics } from '#tools/reconcile/metrics.ts'
import { reconcile, type Summary } from '#tools/reconcile/reconcile.ts'
import { openSources } from '#tools/reconcile/sources.ts'

const EXIT = { agree: 0, differ: 1, notCompared: 2 } as const
/** The number of differences listed at the end of the run; all of them are counted. */
const MOST_LISTED = 10_000

/** Returns milliseconds. Throws OperatorError USAGE. */
function readSettle(settle: string): number {
  const seconds = /^\d{1,4}$/.test(settle) ? Number(settle) : Number.NaN
  if (!(seconds >= 1 && seconds <= 3600))
    throw usageError(command, `--settle should be a whole number of seconds from 1 to 3600, not ${settle}.`)
  return seconds * 1000
}

type Result = Summary & { readonly byKind: Map<Difference['kind'], number>; readonly listed: Difference[] }

async function compareServices(settleMs: number, onFound: (found: Difference) => void): Promise<Result> {
  await using sources = await openSources(await readServiceStores(process.env))
  const byKind = new Map<Difference['kind'], number>()
  const listed: Difference[] = []
  const summary = await reconcile(sources, {
    pause: () => delay(settleMs),
    now: () => Date.now(),
    report(difference) {
      byKind.set(difference.kind, (byKind.get(difference.kind) ?? 0) + 1)
      if (listed.length < MOST_LISTED) listed.push(difference)
      onFound(difference)
    },
  })
  return { ...summary, byKind, listed }
}

async function main({ values }: CommandInput<typeof command.options>): Promise<number> {
  const settleMs = readSettle(values.settle)
  try {
    const result = await compareServices(settleMs, found => {
      if (!values.json) console.log(`${found.kind}  ${found.subject}  ${found.text}`)
    })
    console.log(values.json ? jsonOf(result) : textOf(result))
    if (values.metrics)
      await writeMetrics(values.metrics, await metricsText(result, result.byKind, new Date()))
    return result.differences === 0 ? EXIT.agree : EXIT.differ
  } catch (error) {
    console.error(describeFault(error))
    return EXIT.notCompared
  }
}

function jsonOf({ byKind, listed, ...summary }: Result): string {
  return JSON.stringify({ ...summary, byKind: Object.fromEntries(byKind), found: listed }, undefined, 2)
}

function textOf({ orders, products, differences, inMotion, byKind }: Result): string {
  const kinds = [...byKind].map(
    ([kind, count]) => `  ${String(count).padStart(6)}  ${kind}: ${DIFFERENCE_KINDS[kind]}`,
  )
  const looked = `Looked at ${orders} orders and ${products} products; ${inMotion} orders are in motion.`
  if (differences === 0) return `${looked}\nThe services agree.`
  return `${looked}\nTHE SERVICES DIFFER in ${differences} places:\n${kinds.join('\n')}`
}

if (import.meta.main) await runCommand(command, main)
