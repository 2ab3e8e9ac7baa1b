// Makes UUIDs of version 7 from random bytes that are drawn for many at once.
import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const BYTES = 16
const random = new Uint8Array(256 * BYTES)
let drawn = random.length
let msecs = 0
let seq = 0

/** Returns a fresh UUID. Those of one process sort in the order in which they were made. */
export function newUuid(): string {
  const bytes = nextRandom()
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // Half of the range is left for those of the same millisecond.
    seq = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1
  } else seq += 1
  return v7({ random: bytes, msecs, seq })
}

function nextRandom(): Uint8Array {
  if (drawn === random.length) {
    randomFillSync(random)
    drawn = 0
  }
  drawn += BYTES
  return random.subarray(drawn - BYTES, drawn)
}
