// Tracks what cannot be kept current: logged once per reason, and reported by health for as long as it lasts.
import type { Health } from '#platform/resilience/health.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type Degradation = { readonly failed: (error: unknown) => void; readonly recovered: () => void }

type Degradations = {
  /** `what` is a plural for the log, such as `the instances of orders`. */
  track(what: string): Degradation
  health(): Health
}

/** `source` is the detail of health while nothing is degraded. */
export function createDegradations(source: string, logger: Logger): Degradations {
  const failing = new Map<string, string>()
  return {
    track(what) {
      return {
        failed(error) {
          const reason = error instanceof Error ? error.message : String(error)
          if (failing.get(what) !== reason)
            logger.warn({ err: error }, `${what} cannot be kept current, using the last known ones`)
          failing.set(what, reason)
        },
        recovered() {
          if (failing.delete(what)) logger.info(`${what} are current again`)
        },
      }
    },
    health() {
      const [first] = failing
      return first ? { ok: false, detail: `${first[0]}: ${first[1]}` } : { ok: true, detail: source }
    },
  }
}
