// Parses and formats consistency tokens: 'orders=12,payment=7' names the positions that a reader must have seen.
import { NO_POSITIONS, type PositionVector, raisePosition } from '#platform/consistency/position-vector.ts'

/** The header that carries a token, in requests and in responses. */
export const CONSISTENCY_HEADER = 'waybill-consistency'
/** The response header that lists the services whose projections had not caught up in time. */
export const STALE_HEADER = 'waybill-stale'

const MAX_SERVICES = 16
const MAX_LENGTH = 512
const ENTRY = /^\s*([a-z][a-z0-9-]{0,31})=(\d{1,15})\s*$/

/** Ignores malformed entries, keeps the greatest position of a repeated service, and cuts off what is too long. */
export function parseToken(text: string | undefined): PositionVector {
  if (!text) return NO_POSITIONS
  const positions: Record<string, number> = {}
  for (const entry of text.slice(0, MAX_LENGTH).split(',').slice(0, MAX_SERVICES)) {
    const [, service, position] = ENTRY.exec(entry) ?? []
    if (service && position) raisePosition(positions, service, Number(position))
  }
  return positions
}

/** Returns '' for no positions. Services are in alphabetical order, so that equal positions are equal texts. */
export function formatToken(positions: PositionVector): string {
  const services = Object.keys(positions)
  if (services.length > 1) services.sort()
  return services.map(service => `${service}=${positions[service]}`).join(',')
}
