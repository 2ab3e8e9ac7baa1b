// WebSocket frames (RFC 6455) as a server sends them: unmasked, whole, without extensions. Pure.

const TEXT = 0x81
const PING = 0x89
const PONG = 0x8a

/** A ping without a payload. */
export const PING_FRAME = Buffer.from([PING, 0])

/** Up to so many bytes, copying them behind the header costs less than a second chunk in the write. */
export const COPIED_BYTES = 16 * 1024

/** A text message that begins with `head` and goes on with `tail`, in one piece. */
export function wholeFrame(head: Buffer, tail: Buffer): Buffer {
  const length = head.length + tail.length
  const size = headerSize(length)
  const frame = Buffer.allocUnsafe(size + length)
  writeHeader(frame, TEXT, length)
  frame.set(head, size)
  frame.set(tail, size + head.length)
  return frame
}

/** What stands before `tail`: the frame's header and `head`. */
export function frameStart(head: Buffer, tail: Buffer): Buffer {
  const length = head.length + tail.length
  const size = headerSize(length)
  const start = Buffer.allocUnsafe(size + head.length)
  writeHeader(start, TEXT, length)
  start.set(head, size)
  return start
}

export function textFrame(text: string): Buffer {
  return wholeFrame(Buffer.from(text), NOTHING)
}

/** `data` is that of the ping, at most 125 bytes. */
export function pongFrame(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([PONG, data.length]), data])
}

const NOTHING = Buffer.alloc(0)

function headerSize(length: number): number {
  if (length < 126) return 2
  return length < 65_536 ? 4 : 10
}

function writeHeader(frame: Buffer, opcode: number, length: number): void {
  frame[0] = opcode
  if (length < 126) {
    frame[1] = length
  } else if (length < 65_536) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    frame.writeUInt32BE(length % 2 ** 32, 6)
  }
}
