// Waits for the engines that a service needs while it starts: retries with jitter up to a time limit, and logs what it waits for.
import { setTimeout as delay } from 'node:timers/promises'
import { OperatorError } from '#platform/domain/errors.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type DependencyWait = {
  readonly logger: Pick<Logger, 'warn' | 'error'>
  /** The log names what is waited for, such as `Consul at 10.0.0.1:8500, which DISCOVERY_URL names`. */
  readonly what: string
  readonly startTimeoutMs: number
  /** Returns whether waiting is of no use after this error. */
  readonly isFinal: (error: unknown) => boolean
}

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 1000
const START_TIMEOUT_MS = 60_000

/**
 * Retries `attempt` until it succeeds. Throws the error of the last attempt when it is final, or when `startTimeoutMs` has
 * passed. The first failure and giving up are logged.
 */
export async function waitForDependency<T>(attempt: () => Promise<T>, wait: DependencyWait): Promise<T> {
  const { logger, what, startTimeoutMs, isFinal } = wait
  const until = performance.now() + startTimeoutMs
  for (let attempts = 0; ; attempts++)
    try {
      return await attempt()
    } catch (error) {
      if (isFinal(error)) throw error
      if (performance.now() > until) {
        logger.error(`given up waiting for ${what} after ${startTimeoutMs / 1000} s`)
        throw error
      }
      if (attempts === 0)
        logger.warn({ err: error }, `waiting for ${what}, ${startTimeoutMs / 1000} s at most`)
      await delay(fullJitter(attempts, FIRST_DELAY_MS, LONGEST_DELAY_MS))
    }
}

type Dependency = {
  /** The environment variable that holds `url`. */
  readonly variable: string
  readonly url: string
  readonly logger: Logger
  /** 60 s by default. */
  readonly startTimeoutMs?: number
}

/** Engines to wait for, by the protocol of their URL. Adapters of other engines wait for theirs. */
const ENGINES: Readonly<Record<string, string>> = {
  'postgres:': 'PostgreSQL',
  'postgresql:': 'PostgreSQL',
  'mongodb:': 'MongoDB',
  'mongodb+srv:': 'MongoDB',
}

/**
 * Returns what `open` resolves to, and retries it while the PostgreSQL or MongoDB behind `url` cannot be reached. A refused
 * password or a missing database is not retried. Throws OperatorError that names the variable and the engine.
 */
export async function openWhenAvailable<T>(dependency: Dependency, open: () => Promise<T>): Promise<T> {
  const { variable, url, logger, startTimeoutMs = START_TIMEOUT_MS } = dependency
  const engine = ENGINES[url.slice(0, url.indexOf(':') + 1)]
  if (engine === undefined) return open()
  const what = `${engine} (${variable})`
  try {
    const isFinal = (error: unknown) => !isOutage(error)
    return await waitForDependency(open, { logger, what, startTimeoutMs, isFinal })
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const waited = isOutage(error) ? `; waited for ${startTimeoutMs / 1000} s` : ''
    throw new OperatorError(error.code, `${what}: ${error.message}${waited}`, error.cause)
  }
}
