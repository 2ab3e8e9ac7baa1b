// What a lost connection says of the request that was on it. Free of GraphQL and of any client but undici's codes.

/** Nobody has taken the connection: the request has not gone out. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
/** The request may have been heard. */
const LOST = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET'])

/** `unsent` may be sent elsewhere whatever it asks for; `lost` only where hearing it twice does no harm. */
export function connectionLoss(error: unknown): 'unsent' | 'lost' | undefined {
  const codes = codesOf(error)
  if (codes.length > 0 && codes.every(code => UNSENT.has(code))) return 'unsent'
  return codes.length > 0 && codes.every(code => UNSENT.has(code) || LOST.has(code)) ? 'lost' : undefined
}

/** Of each address that was tried, where a host has several. */
function codesOf(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf)
  if (!(error instanceof Error) || !('code' in error)) return []
  return [String(error.code)]
}
