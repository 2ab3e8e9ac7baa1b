// Consistency tokens: 'orders=12,payment=7' says which position of which store a reader must have seen. Pure.

/** Position by service. */
export type ConsistencyToken = Readonly<Record<string, number>>

/** Of requests and responses. */
export const CONSISTENCY_HEADER = 'waybill-consistency'
/** Of responses: services whose projections had not caught up in time. */
export const STALE_HEADER = 'waybill-stale'

const MAX_SERVICES = 16
const MAX_LENGTH = 512
const ENTRY = /^\s*([a-z][a-z0-9-]{0,31})=(\d{1,15})\s*$/
const NOTHING: ConsistencyToken = Object.freeze({})

/** Forgiving: entries that make no sense are left out, the greatest of a repeated service counts, the rest is cut off. */
export function parseToken(text: string | undefined): ConsistencyToken {
  if (!text) return NOTHING
  const token: Record<string, number> = {}
  for (const entry of text.slice(0, MAX_LENGTH).split(',').slice(0, MAX_SERVICES)) {
    const [, service, position] = ENTRY.exec(entry) ?? []
    if (service && position) raise(token, service, Number(position))
  }
  return token
}

/** '' when there is nothing in it. Services in alphabetical order, so that equal tokens are equal texts. */
export function formatToken(token: ConsistencyToken): string {
  const services = Object.keys(token)
  if (services.length > 1) services.sort()
  return services.map(service => `${service}=${token[service]}`).join(',')
}

/** The greatest position of each service. */
export function mergeTokens(...tokens: readonly ConsistencyToken[]): ConsistencyToken {
  const merged: Record<string, number> = {}
  for (const token of tokens)
    for (const [service, position] of Object.entries(token)) raise(merged, service, position)
  return merged
}

/** Lifts one service's position; never lowers it. */
export function raise(token: Record<string, number>, service: string, position: number): void {
  if (position > (token[service] ?? 0)) token[service] = position
}
