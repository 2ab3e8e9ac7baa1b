// What an engine's failure means to whoever asked: it is away for now, or it is an operator's matter. Free of any driver.
import { CallerError } from '#platform/domain/errors.ts'
import { isOutage } from '#platform/event-store/outage.ts'

/** CallerError UNAVAILABLE when `engine` cannot be reached at the moment; `cause` itself when it is something else. */
export function asUnavailable(engine: string, cause: unknown): unknown {
  if (cause instanceof CallerError || !isOutage(cause)) return cause
  const message = `The ${engine} cannot be reached at the moment. Try again.`
  return new CallerError('UNAVAILABLE', message, {}, cause)
}
