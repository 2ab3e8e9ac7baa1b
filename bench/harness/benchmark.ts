// Runs contenders in rounds, computes medians and goals, and reports them on screen and in bench/results.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { isObject } from '#platform/domain/json.ts'

/** A goal and whether it was met. `goal` is the bound as text, for example `>= 1.5`. */
export type Goal = {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly goal: string
  readonly met: boolean
}

/** `figures` are named numbers, nested as the benchmark likes; `versions` are those of the contenders. */
type Report = {
  readonly versions: Readonly<Record<string, string>>
  readonly figures: Readonly<Record<string, unknown>>
  readonly goals: readonly Goal[]
}

/** `quick` asks for figures in under a minute, at the price of more noise. */
type BenchOptions = { readonly quick: boolean }
export type Bench = (options: BenchOptions) => Promise<Report>

/** One contender's figures in one round. Latencies are in milliseconds. */
export type Load = { readonly perSecond: number; readonly p50: number; readonly p99: number }

export function atLeast(name: string, value: number, unit: string, bound: number): Goal {
  return { name, value: rounded(value), unit, goal: `>= ${bound}`, met: value >= bound }
}

export function atMost(name: string, value: number, unit: string, bound: number): Goal {
  return { name, value: rounded(value), unit, goal: `<= ${bound}`, met: value <= bound }
}

/** Returns the value that `share` of the values do not exceed; NaN when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Rounds to three significant digits, or to an integer from 1000 on. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3))
}

/**
 * Calls `work` from `callers` concurrent loops for `ms` milliseconds; each loop waits for its result before calling again.
 * A call that resolves to false did not do what is measured, and is left out.
 */
export async function measureLoad(callers: number, ms: number, work: () => Promise<unknown>): Promise<Load> {
  const latencies: number[] = []
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let start = performance.now(); start - begin < ms; start = performance.now()) {
        if ((await work()) !== false) latencies.push(performance.now() - start)
      }
    }),
  )
  return loadOf(latencies, begin)
}

/** Returns the figures of the calls since `begin`, which took `latencies`. */
export function loadOf(latencies: readonly number[], begin: number): Load {
  return {
    perSecond: latencies.length / ((performance.now() - begin) / 1000),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  }
}

/**
 * Runs every contender once per round, starting with another one each time, so that a slow moment of the machine
 * affects all of them alike. Ratios should be taken within a round.
 */
export async function inRounds<Name extends string, Result>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result>[]> {
  const entries = Object.entries<() => Promise<Result>>(contenders)
  const results: Record<Name, Result>[] = []
  for (let round = 0; round < rounds; round++) {
    const shift = round % entries.length
    const one: Record<string, Result> = {}
    for (const [name, run] of [...entries.slice(shift), ...entries.slice(0, shift)]) one[name] = await run()
    results.push(one)
  }
  return results
}

/** Returns the median over the rounds of our rate divided by theirs. */
export function medianRatio<Name extends string>(
  rounds: readonly Record<Name, Load>[],
  ours: Name,
  theirs: Name,
): number {
  return median(rounds.map(round => round[ours].perSecond / round[theirs].perSecond))
}

/** Returns the median over the rounds of the contender's load. */
export function summary<Name extends string>(rounds: readonly Record<Name, Load>[], name: Name): Load {
  return medians(rounds.map(({ [name]: { perSecond, p50, p99 } }) => ({ perSecond, p50, p99 })))
}

/** Returns the median over the rounds of each figure. */
export function medians<Figure extends string>(
  rounds: readonly Readonly<Record<Figure, number>>[],
): Record<Figure, number> {
  const all: Record<string, number> = {}
  for (const figure in rounds[0]) all[figure] = rounded(median(rounds.map(round => round[figure])))
  return all
}

/** Prints aligned columns: the first to the left, the others to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const lines = [head, ...rows].map(row => row.map(String))
  const widths = head.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  for (const line of lines)
    console.log(
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    )
}

const ROOT = new URL('../../', import.meta.url)

/** Returns the version of a package that is installed in `folder`. */
export async function versionOf(packageName: string, folder = ROOT): Promise<string> {
  const file = new URL(`node_modules/${packageName}/package.json`, folder)
  const parsed: unknown = JSON.parse(await readFile(file, 'utf8'))
  return isObject(parsed) && 'version' in parsed ? String(parsed.version) : 'unknown'
}

/** Prints the goals, if any, and writes the report to bench/results/NAME.json. */
export async function publish(name: string, report: Report): Promise<void> {
  if (report.goals.length > 0) printGoals(report.goals)
  const folder = new URL('../results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  const { figures, goals } = report
  const versions = { node: process.version, ...report.versions }
  const text = JSON.stringify({ machine: machine(), versions, figures, goals }, undefined, 2)
  await writeFile(new URL(`${name}.json`, folder), `${text}\n`)
  console.log(`\nThe results are in bench/results/${name}.json.`)
}

function printGoals(goals: readonly Goal[]): void {
  console.log()
  printTable(
    ['goal', 'value', 'wanted', ''],
    goals.map(goal => [goal.name, `${goal.value} ${goal.unit}`, goal.goal, goal.met ? 'met' : 'NOT MET']),
  )
}

function machine(): Record<string, unknown> {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  }
}
