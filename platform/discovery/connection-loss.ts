// Tells from a connection error whether the request may have reached the service.

/** The connection was never made, so the request was not sent. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** The request may have been received. */
const LOST = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET'])

/** Returns `unsent` for a request that may always be sent elsewhere, `lost` for one that may only if it is idempotent. */
export function connectionLoss(error: unknown): 'unsent' | 'lost' | undefined {
  const codes = codesOf(error)
  if (codes.length > 0 && codes.every(code => UNSENT.has(code))) return 'unsent'
  return codes.length > 0 && codes.every(code => UNSENT.has(code) || LOST.has(code)) ? 'lost' : undefined
}

/** Returns the codes for all addresses of the host that were tried. */
function codesOf(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf)
  if (!(error instanceof Error) || !('code' in error)) return []
  return [String(error.code)]
}
