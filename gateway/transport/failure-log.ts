// Tells operators why a subgraph did not answer, without a line for each request while it is away.
import type { Logger } from '#platform/telemetry/logger.ts'

const QUIET_MS = 10_000

/** The first failure is logged; then one in ten seconds, with how many were not. */
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
    logger.warn({ err, subgraph, unlogged }, 'a subgraph did not answer as it should')
    quietUntil = now() + QUIET_MS
    unlogged = 0
  }
}
