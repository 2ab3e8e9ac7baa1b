// Opens the engine that a variable names, and waits for it while a service starts. Free of any driver.
import { OperatorError } from '#platform/domain/errors.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import { waitFor } from '#platform/resilience/waiting.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type Opening = {
  /** The environment variable that holds `url`. */
  readonly variable: string
  readonly url: string
  readonly logger: Logger
  /** A minute when left out. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 60_000

/** By protocol; another kind of engine says for itself that it is waited for. */
const AWAITED: Readonly<Record<string, string>> = {
  'postgres:': 'PostgreSQL',
  'postgresql:': 'PostgreSQL',
  'mongodb:': 'MongoDB',
  'mongodb+srv:': 'MongoDB',
}

/**
 * What `open` gives. A PostgreSQL or MongoDB that is not there yet is waited for, and the log says so; a password that is
 * refused or a database that does not exist is not. The OperatorError in the end names the variable and the engine.
 */
export async function openWhenThere<T>(opening: Opening, open: () => Promise<T>): Promise<T> {
  const { variable, url, logger, patienceMs = PATIENCE_MS } = opening
  const engine = AWAITED[url.slice(0, url.indexOf(':') + 1)]
  if (engine === undefined) return open()
  const what = `${engine} (${variable})`
  try {
    return await waitFor(open, { logger, what, patienceMs, isFinal: error => !isOutage(error) })
  } catch (error) {
    throw named(error, what, patienceMs)
  }
}

function named(error: unknown, what: string, patienceMs: number): unknown {
  if (!(error instanceof OperatorError)) return error
  const waited = isOutage(error) ? `; waited for ${patienceMs / 1000} s` : ''
  return new OperatorError(error.code, `${what}: ${error.message}${waited}`, error.cause)
}
