// Cursors of subscriptions to orders: a place in the topics, for one scope, as a short opaque text. Pure.
import { crc32 } from 'node:zlib'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { Scope } from '#bff/order-feed/change.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'

/**
 * Version, digest of the scope, a position of up to eight bytes for each topic, digest of all that: 41 bytes, 55
 * characters, at most. The digests tell honest mistakes apart, they are no secret: a cursor grants nothing, whoever
 * makes one up reads no more than the scope that they may subscribe to.
 */
const VERSION = 1
const DIGEST_BYTES = 4
const MOST_CHARACTERS = 63

/** The text to go on from `positions` with, in `scope` only. Topics that `positions` leaves out are at 0. */
export function encodeCursor(scope: Scope, positions: PositionVector): string {
  const bytes: number[] = [VERSION]
  pushDigest(bytes, crc32(keyOf(scope)))
  for (const topic of ORDER_TOPICS) pushNumber(bytes, positions[topic] ?? 0)
  pushDigest(bytes, crc32(Uint8Array.from(bytes)))
  return Buffer.from(bytes).toString('base64url')
}

/**
 * The positions that the text was made of. Throws CallerError BAD_USER_INPUT for what is no cursor, and for one of
 * another scope; `details.cursor` is `junk` or `foreign`.
 */
export function decodeCursor(scope: Scope, text: string): PositionVector {
  const bytes = text.length <= MOST_CHARACTERS ? Buffer.from(text, 'base64url') : Buffer.alloc(0)
  const body = bytes.subarray(0, -DIGEST_BYTES)
  const isOurs =
    body.length > DIGEST_BYTES &&
    bytes.toString('base64url') === text &&
    bytes.readUInt32BE(body.length) === crc32(body) &&
    body[0] === VERSION
  const positions = isOurs ? readNumbers(body.subarray(1 + DIGEST_BYTES)) : undefined
  if (!positions) throw refusedCursor('junk', 'it is not one of ours')
  if (body.readUInt32BE(1) !== crc32(keyOf(scope)))
    throw refusedCursor('foreign', 'it belongs to another subscription')
  return Object.fromEntries(ORDER_TOPICS.map((topic, index) => [topic, positions[index] ?? 0]))
}

/** `junk`: none of ours; `foreign`: of another scope; `unknown`: of events that the bus does not have. */
export function refusedCursor(kind: 'junk' | 'foreign' | 'unknown', why: string): CallerError {
  return new CallerError(
    'BAD_USER_INPUT',
    `The cursor cannot be used here: ${why}. Pass one that this very subscription sent, or none to begin with the present state.`,
    { cursor: kind },
  )
}

/** A scope as text: equal for equal scopes, and only for those. */
export function keyOf(scope: Scope): string {
  if ('order' in scope) return `order:${scope.order}`
  return 'customer' in scope ? `customer:${scope.customer}` : 'all'
}

function pushDigest(bytes: number[], digest: number): void {
  bytes.push(digest >>> 24, (digest >>> 16) & 255, (digest >>> 8) & 255, digest & 255)
}

/** Seven bits a byte, the lowest first; the top bit says that more follow (LEB128). */
function pushNumber(bytes: number[], value: number): void {
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return void bytes.push(rest)
    bytes.push((rest % 128) + 128)
  }
}

/** Undefined unless the bytes are exactly one safe number for each topic. */
function readNumbers(bytes: Uint8Array): number[] | undefined {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 127) * scale
    scale *= 128
    if (value > Number.MAX_SAFE_INTEGER) return undefined
    if (byte > 127) continue
    numbers.push(value)
    value = 0
    scale = 1
  }
  return scale === 1 && numbers.length === ORDER_TOPICS.length ? numbers : undefined
}
