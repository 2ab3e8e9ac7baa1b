// What a real engine is to tests: how it is found, how it is had, and how it is hurt. Free of any one engine.
import { homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

/** One that runs, on loopback. Disposing ends it and removes its data; one that was given by its URL is left as it is. */
export type RunningEngine = AsyncDisposable & {
  /** As the variable takes it that chooses the adapter. */
  readonly url: string
  /** Absent for an engine that was given by its URL: it is not ours to hurt. */
  readonly faults?: {
    /** SIGKILL. */
    kill(): Promise<void>
    /** On the same address with the same data, after `kill`. Resolves once it answers. */
    restart(): Promise<void>
    /** SIGSTOP: connections are taken, and nothing is answered. */
    pause(): void
    resume(): void
  }
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
  obtain(): Promise<void>
}

/** Where what was obtained is kept from one run to the next, outside the repository. */
export const ENGINES_FOLDER =
  process.env.WAYBILL_ENGINES ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'waybill-engines')

/** Why tests on it are skipped, for the name of their suite; undefined when they can run. */
export function whyMissing(engine: Engine): string | undefined {
  if (engine.find()) return undefined
  const reasons: Readonly<Record<string, string>> = JSON.parse(process.env.ENGINES_MISSING ?? '{}')
  return reasons[engine.name] ?? 'npm run test:engines gets it'
}
