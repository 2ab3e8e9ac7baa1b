// Logs why requests to a subgraph failed, without a line for each of them while it is down.
import type { Logger } from '#platform/telemetry/logger.ts'

const QUIET_MS = 10_000

/** Logs the first failure, then one every ten seconds with the number that was not logged. */
export function createFailureLog(
  logger: Logger,
  subgraph: string,
  now: () => number = () => performance.now(),
): (error: unknown) => void {
  let quietUntil = Number.NEGATIVE_INFINITY
  let unlogged = 0
  return err => {
    if (now() < quietUntil) {
      unlogged += 1
      return
    }
    logger.warn({ err, subgraph, unlogged }, 'request to a subgraph failed')
    quietUntil = now() + QUIET_MS
    unlogged = 0
  }
}
