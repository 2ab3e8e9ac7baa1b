// Defines how tests and benchmarks find, install, start and disturb a real engine such as Kafka or Redis.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

export type Faults = {
  /** Kills it with SIGKILL. */
  kill(): Promise<void>
  /** Starts it again after `kill`, on the same address with the same data. Resolves once it responds. */
  restart(): Promise<void>
  /** Stops it with SIGSTOP: it accepts connections and never responds. */
  pause(): void
  resume(): void
}

/** A running engine on loopback. Disposing stops it and removes its data; one that was given by its URL is left alone. */
export type RunningEngine = AsyncDisposable & {
  /** The URL as the variable that selects the adapter takes it. */
  readonly url: string
  /** Absent for an engine that was given by its URL, which is not ours to disturb. */
  readonly faults?: Faults
}

export type FoundEngine = {
  /** Its own version line, such as `Kafka 4.1.0`. */
  readonly version: string
  /** Where it comes from: `KAFKA_URL`, `PATH`, or what it was built from. */
  readonly from: string
  start(): Promise<RunningEngine>
}

export type Engine = {
  readonly name: string
  /** Looks for it at its URL if one is set, then on PATH, then where `install` left it. Builds and downloads nothing. */
  find(): FoundEngine | undefined
  /** Installs it once from the machine's package managers. Throws an Error whose message is the reason when it cannot. */
  install(): Promise<void>
}

/** The folder that keeps installed engines between runs, outside the repository. */
export const ENGINES_FOLDER =
  process.env.WAYBILL_ENGINES ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'waybill-engines')

/** Returns why tests on the engine are skipped, for the name of their suite; undefined when they can run. */
export function missingReason(engine: Engine): string | undefined {
  if (engine.find()) return undefined
  const reasons: Readonly<Record<string, string>> = JSON.parse(process.env.ENGINES_MISSING ?? '{}')
  return reasons[engine.name] ?? 'npm run test:engines installs it'
}

/** Returns the engine at the URL in `variable`, which somebody else runs; undefined when it is not set. */
export function engineAt(variable: string, name: string): FoundEngine | undefined {
  const url = process.env[variable]
  if (!url) return undefined
  const start = async () => ({ url, async [Symbol.asyncDispose]() {} })
  return { version: name, from: variable, start }
}

/** Returns the first file of that name in the folders of PATH. */
export function findOnPath(file: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .map(folder => path.join(folder, file))
    .find(existsSync)
}

/** Returns a program's output without surrounding space, or undefined when it does not run. */
export function outputOf(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', timeout: 10_000 }).trim()
  } catch {
    return undefined
  }
}

/** Moves what `make` built, at the path it returns, to `place` atomically, unless `place` exists. */
export async function installOnce(place: string, make: (folder: string) => Promise<string>): Promise<void> {
  if (existsSync(place)) return
  await mkdir(ENGINES_FOLDER, { recursive: true })
  const folder = await mkdtemp(`${place}-`)
  try {
    await rename(await make(folder), place)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
