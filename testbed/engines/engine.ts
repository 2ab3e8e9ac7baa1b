// What a real engine is to tests: how it is found, how it is had, and how it is hurt. Free of any one engine.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

export type Faults = {
  /** SIGKILL. */
  kill(): Promise<void>
  /** On the same address with the same data, after `kill`. Resolves once it answers. */
  restart(): Promise<void>
  /** SIGSTOP: connections are taken, and nothing is answered. */
  pause(): void
  resume(): void
}

/** One that runs, on loopback. Disposing ends it and removes its data; one that was given by its URL is left as it is. */
export type RunningEngine = AsyncDisposable & {
  /** As the variable takes it that chooses the adapter. */
  readonly url: string
  /** Absent for an engine that was given by its URL: it is not ours to hurt. */
  readonly faults?: Faults
}

export type FoundEngine = {
  /** As it says itself, such as `Kafka 4.1.0`. */
  readonly version: string
  /** `KAFKA_URL`, `PATH`, or what it was built from. */
  readonly from: string
  start(): Promise<RunningEngine>
}

export type Engine = {
  readonly name: string
  /** From its URL if one is set, else from PATH, else from what `obtain` left behind. Builds and fetches nothing. */
  find(): FoundEngine | undefined
  /** Gets it from the machine's package managers, once; throws an Error whose message is the reason when it cannot. */
  install(): Promise<void>
}

/** Where what was obtained is kept from one run to the next, outside the repository. */
export const ENGINES_FOLDER =
  process.env.WAYBILL_ENGINES ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'waybill-engines')

/** Why tests on it are skipped, for the name of their suite; undefined when they can run. */
export function missingReason(engine: Engine): string | undefined {
  if (engine.find()) return undefined
  const reasons: Readonly<Record<string, string>> = JSON.parse(process.env.ENGINES_MISSING ?? '{}')
  return reasons[engine.name] ?? 'npm run test:engines gets it'
}

/** One that somebody else runs, by the variable that holds its URL. */
export function engineAt(variable: string, name: string): FoundEngine | undefined {
  const url = process.env[variable]
  if (!url) return undefined
  const start = async () => ({ url, async [Symbol.asyncDispose]() {} })
  return { version: name, from: variable, start }
}

/** The first of that name in the folders of PATH. */
export function findOnPath(file: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .map(folder => path.join(folder, file))
    .find(existsSync)
}

/** What a program prints about itself; undefined when it does not run. */
export function outputOf(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', timeout: 10_000 }).trim()
  } catch {
    return undefined
  }
}

/** Puts what `make` leaves at the path that it returns to `place`, whole or not at all, unless something is there. */
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
