// Tells errors of an engine or service that cannot be reached for now from others, and whether a request may have arrived.
import { CallerError } from '#platform/domain/errors.ts'

/** Codes of Node's sockets and resolver for a connection that was never made: nothing was sent. */
const UNSENT_CODES = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']
/** Codes of a connection that was lost: what was sent may have been received. */
const LOST_CODES = ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT']
const SOCKET_CODES = new Set([...UNSENT_CODES, ...LOST_CODES])
const UNSENT = new Set([...UNSENT_CODES, 'UND_ERR_CONNECT_TIMEOUT'])
const UNSENT_OR_LOST = new Set([...UNSENT, ...LOST_CODES, 'UND_ERR_SOCKET'])
/** SQLSTATE: connection exceptions, shutdown and start-up, out of disk, memory or sessions, I/O errors, a server that became a standby. */
const SQL_STATES = /^(08|53|57P|58|25006$)/
const DRIVER_TEXTS =
  /connection (terminated|ended|error)|not queryable|timeout exceeded when trying to connect|timeout expired|query read timeout/i
const MONGO_NAMES =
  /^Mongo(Network|ServerSelection|PoolCleared|PoolClosed|NotConnected|Topology|ServerClosed|ClientClosed)/

/**
 * True when `error`, or what caused it, says that an engine or service cannot be reached at the moment: trying the
 * same again later may work. Knows CallerError UNAVAILABLE, Node's sockets, PostgreSQL and MongoDB.
 */
export function isOutage(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++)
    if (saysOutage(cause)) return true
  return false
}

function saysOutage(error: Error): boolean {
  if (error instanceof CallerError) return error.code === 'UNAVAILABLE'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    SOCKET_CODES.has(code) ||
    SQL_STATES.test(code) ||
    DRIVER_TEXTS.test(error.message) ||
    MONGO_NAMES.test(error.name)
  )
}

/** CallerError UNAVAILABLE when `engine` cannot be reached at the moment; `cause` itself when it is something else. */
export function asUnavailable(engine: string, cause: unknown): unknown {
  if (cause instanceof CallerError || !isOutage(cause)) return cause
  const message = `The ${engine} cannot be reached at the moment. Try again.`
  return new CallerError('UNAVAILABLE', message, {}, cause)
}

/** Returns `unsent` for a request that may always be sent elsewhere, `lost` for one that may only if it is idempotent. */
export function connectionLoss(error: unknown): 'unsent' | 'lost' | undefined {
  const codes = codesOf(error)
  if (codes.length === 0 || !codes.every(code => UNSENT_OR_LOST.has(code))) return undefined
  return codes.every(code => UNSENT.has(code)) ? 'unsent' : 'lost'
}

/** Returns the codes for all addresses of the host that were tried. */
function codesOf(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf)
  return error instanceof Error && 'code' in error ? [String(error.code)] : []
}
