// Encodes positions in the order topics as cursors: short opaque texts that are valid for one scope.
import { crc32 } from 'node:zlib'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { Scope } from '#bff/order-feed/change.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'

/**
 * A cursor holds a version, a digest of the scope, a position of up to eight bytes for each topic, and a digest of all
 * that: at most 41 bytes or 55 characters. The digests find honest mistakes and are no secret: a made-up cursor reads no
 * more than the scope that its caller may subscribe to.
 */
const VERSION = 1
const DIGEST_BYTES = 4
const MAX_CHARACTERS = 63

/** Returns the cursor of `positions` in `scope`. A topic that `positions` leaves out is at 0. */
export function encodeCursor(scope: Scope, positions: PositionVector): string {
  const bytes: number[] = [VERSION]
  pushDigest(bytes, crc32(keyOf(scope)))
  for (const topic of ORDER_TOPICS) pushNumber(bytes, positions[topic] ?? 0)
  pushDigest(bytes, crc32(Uint8Array.from(bytes)))
  return Buffer.from(bytes).toString('base64url')
}

/**
 * Returns the positions of a cursor. Throws CallerError BAD_USER_INPUT for a text that is no cursor or that is of another
 * scope; its `details.cursor` is `junk` or `foreign`.
 */
export function decodeCursor(scope: Scope, text: string): PositionVector {
  const bytes = text.length <= MAX_CHARACTERS ? Buffer.from(text, 'base64url') : Buffer.alloc(0)
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

/** `junk` is no cursor, `foreign` one of another scope, `unknown` one of events that the bus does not have. */
export function refusedCursor(kind: 'junk' | 'foreign' | 'unknown', why: string): CallerError {
  return new CallerError(
    'BAD_USER_INPUT',
    `The cursor cannot be used here: ${why}. Pass one that this very subscription sent, or none to begin with the present state.`,
    { cursor: kind },
  )
}

/** Returns the scope as text: equal for equal scopes only. */
export function keyOf(scope: Scope): string {
  if ('order' in scope) return `order:${scope.order}`
  return 'customer' in scope ? `customer:${scope.customer}` : 'all'
}

function pushDigest(bytes: number[], digest: number): void {
  bytes.push(digest >>> 24, (digest >>> 16) & 255, (digest >>> 8) & 255, digest & 255)
}

/** Writes seven bits a byte, the lowest first; the top bit says that more follow (LEB128). */
function pushNumber(bytes: number[], value: number): void {
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return void bytes.push(rest)
    bytes.push((rest % 128) + 128)
  }
}

/** Returns undefined unless the bytes hold exactly one safe number for each topic. */
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
