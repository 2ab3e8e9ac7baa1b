// WebSocket frames (RFC 6455) as a server sends them: unmasked, whole, without extensions. Pure.

const TEXT = 0x81
const PING = 0x89
const PONG = 0x8a

/** A ping without a payload. */
export const PING_FRAME = Buffer.from([PING, 0])

/** The start of a text message: its header, `head`, and then `rest` bytes that are written behind it. */
export function frameStart(head: string, rest: number): Buffer {
  const headBytes = Buffer.byteLength(head)
  const length = headBytes + rest
  const size = headerSize(length)
  const start = Buffer.allocUnsafe(size + headBytes)
  writeHeader(start, TEXT, length)
  start.write(head, size)
  return start
}

/** A text message. */
export function textFrame(text: string): Buffer {
  return frameStart(text, 0)
}

/** `data` is that of the ping, at most 125 bytes. */
export function pongFrame(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([PONG, data.length]), data])
}

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
