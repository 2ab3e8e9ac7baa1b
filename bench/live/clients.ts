// Runs the subscribers of the live benchmark in one process, with a minimal WebSocket reader that costs little.
import { connect, type Socket } from 'node:net'
import { handleRequests, machineClockMs } from '#bench/harness/worker-process.ts'

export type Subscribers = {
  readonly port: number
  readonly path: string
  /** One connection per entry: the text messages to send, each after the response to the one before. */
  readonly scripts: readonly (readonly string[])[]
}

/** How many connections are opened at a time. */
const AT_ONCE = 100
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
const [TEXT, CLOSE, PING] = [0x81, 0x88, 0x89]

const sockets: Socket[] = []
let times = new Float64Array(0)
let missing = 0
let all = Promise.withResolvers<void>()
let last = ''

/** Connects all subscribers. Resolves when every script was sent and answered. */
async function join({ port, path, scripts }: Subscribers): Promise<void> {
  times = new Float64Array(scripts.length)
  const entries = scripts.entries()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [index, script] of entries) await joinOne(index, { port, path, script })
    }),
  )
}

function joinOne(
  index: number,
  {
    port,
    path,
    script,
  }: { readonly port: number; readonly path: string; readonly script: readonly string[] },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  sockets.push(socket)
  const lines = script.values()
  const goOn = () => {
    const { value, done } = lines.next()
    if (!done) {
      socket.write(textFrame(value))
      return
    }
    onMessage = payload => receive(index, payload)
    resolve()
  }
  let onMessage = (_payload: Buffer) => goOn()
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('a connection was closed')))
  socket.write(upgradeRequest(path))
  socket.once('data', answerHead => {
    if (!String(answerHead).startsWith('HTTP/1.1 101')) return reject(new Error(String(answerHead)))
    readFrames(socket, payload => onMessage(payload))
    goOn()
  })
  return promise
}

function receive(index: number, payload: Buffer): void {
  if (times[index] !== 0) throw new Error('a message came twice')
  times[index] = machineClockMs()
  missing -= 1
  if (missing > 0) return
  last = String(payload)
  all.resolve()
}

/** Splits a server's frames, which are whole messages and not masked. */
function readFrames(socket: Socket, onMessage: (payload: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    for (let end = frameEnd(bytes); end !== undefined; end = frameEnd(bytes)) {
      const [opcode = 0] = bytes
      if (opcode === TEXT) onMessage(bytes.subarray(headerSize(bytes), end))
      else if (opcode === PING) socket.write(PONG)
      else if (opcode === CLOSE) throw new Error(`a server closed: ${bytes.subarray(4, end)}`)
      bytes = bytes.subarray(end)
    }
    rest = bytes
  })
}

function headerSize(bytes: Buffer): number {
  return (bytes[1] ?? 0) === 126 ? 4 : 2
}

function frameEnd(bytes: Buffer): number | undefined {
  if (bytes.length < 2 || bytes.length < headerSize(bytes)) return undefined
  const length = bytes[1] === 126 ? bytes.readUInt16BE(2) : (bytes[1] ?? 0)
  const end = headerSize(bytes) + length
  return bytes.length < end ? undefined : end
}

function textFrame(text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.from([TEXT, 0x80 | 126, body.length >> 8, body.length & 255, 0, 0, 0, 0])
  return Buffer.concat([head, body])
}

function upgradeRequest(path: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
    'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n'
  )
}

handleRequests({
  join,
  /** Prepares to time the next message. */
  arm() {
    times.fill(0)
    missing = times.length
    all = Promise.withResolvers()
  },
  /** Waits until every connection got the message and returns the times. */
  async collect() {
    await all.promise
    return times.slice()
  },
  last: () => last,
})
