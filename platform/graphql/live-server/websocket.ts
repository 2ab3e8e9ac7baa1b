// Wraps an accepted WebSocket: whole frames (RFC 6455), heartbeats, backpressure and an orderly close.
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { TimerWheel, WheelTimer } from '#platform/graphql/live-server/timer-wheel.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type ClientSocket = {
  /** False while the client's buffer is full, and from the close on. */
  isReady(): boolean
  isOpen(): boolean
  send(text: string): void
  /** Sends a text message whose frame begins with `start` and ends with `rest`, which may be shared. */
  sendParts(start: Buffer, rest: Buffer): void
  /** Asks the client to close, and cuts it when it does not. The first call counts. */
  close(code: number, reason: string): void
}

type ClientSocketEvents = {
  /** `text` is undefined for a binary message. Not called from the close on. */
  onMessage(text: string | undefined): void
  /** More may be written. */
  onDrain(): void
  /** Nothing can be written any more: the socket is closing, or was cut. Called once. */
  onEnd(): void
}

type ClientSocketOptions = {
  readonly wheel: TimerWheel
  readonly heartbeatMs: number
  readonly logger: Logger
}

/** `socket` is the one that `ws` writes to. */
export type AcceptedSocket = { readonly ws: WebSocket; readonly socket: Duplex }

type State = AcceptedSocket & {
  readonly options: ClientSocketOptions
  readonly events: ClientSocketEvents
  /** True when the client has sent something since the last heartbeat. */
  alive: boolean
  full: boolean
  open: boolean
  timer: WheelTimer | undefined
}

/** A close frame has room for this much of a reason. */
const MAX_REASON_BYTES = 123
/** How long a client may take to answer a close. */
const CLOSE_TIMEOUT_MS = 3000

const TEXT = 0x81
const PONG = 0x8a
const PING_FRAME = Buffer.from([0x89, 0])

/**
 * Frames are written past `ws`, which sends none of its own but the close: nothing is queued per message. While the
 * client's buffer is full, nothing it sends is read, so that its requests cannot pile up either.
 */
export function openClientSocket(
  { ws, socket }: AcceptedSocket,
  options: ClientSocketOptions,
  events: ClientSocketEvents,
): ClientSocket {
  const state: State = { ws, socket, options, events, alive: true, full: false, open: true, timer: undefined }
  scheduleHeartbeat(state)
  listen(state)
  return {
    isReady: () => state.open && !state.full,
    isOpen: () => state.open,
    send: text => write(state, frameStart(text, 0)),
    sendParts: (start, rest) => write(state, start, rest),
    close: (code, reason) => close(state, code, reason),
  }
}

function listen(state: State): void {
  const { ws, events, options } = state
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    state.alive = true
    if (state.open) events.onMessage(isBinary ? undefined : data.toString())
  })
  ws.on('ping', (data: Buffer) => write(state, pongFrame(data)))
  ws.on('pong', () => {
    state.alive = true
  })
  ws.once('error', error => options.logger.debug({ err: error }, 'a WebSocket connection failed'))
  ws.once('close', () => {
    options.wheel.cancel(state.timer)
    end(state)
  })
}

function scheduleHeartbeat(state: State): void {
  const { wheel, heartbeatMs } = state.options
  state.timer = wheel.after(heartbeatMs, () => {
    if (!state.alive) return state.ws.terminate()
    state.alive = false
    scheduleHeartbeat(state)
    if (!state.full) write(state, PING_FRAME)
  })
}

function write(state: State, frame: Buffer, rest?: Buffer): void {
  const { ws, socket } = state
  if (!state.open || ws.readyState !== ws.OPEN) return
  if (rest) socket.cork()
  socket.write(frame)
  if (rest) {
    socket.write(rest)
    socket.uncork()
  }
  if (state.full || !socket.writableNeedDrain) return
  state.full = true
  ws.pause()
  socket.once('drain', () => drained(state))
}

/** A client that reads is alive, however long its pong is under way. */
function drained(state: State): void {
  state.full = false
  state.alive = true
  state.ws.resume()
  if (state.open) state.events.onDrain()
}

function end(state: State): void {
  if (!state.open) return
  state.open = false
  state.options.wheel.cancel(state.timer)
  state.events.onEnd()
}

function close(state: State, code: number, reason: string): void {
  const { ws, options } = state
  if (!state.open) return
  end(state)
  if (state.full) ws.resume()
  ws.close(code, truncate(reason))
  state.timer = options.wheel.after(CLOSE_TIMEOUT_MS, () => ws.terminate())
}

function truncate(reason: string): string {
  let text = reason
  while (Buffer.byteLength(text) > MAX_REASON_BYTES) text = text.slice(0, -1)
  return text
}

/** Returns the start of a text message: its header and `head`. `rest` more bytes are to be written after it. */
export function frameStart(head: string, rest: number): Buffer {
  const headBytes = Buffer.byteLength(head)
  const length = headBytes + rest
  const headerSize = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const start = Buffer.allocUnsafe(headerSize + headBytes)
  writeHeader(start, length)
  start.write(head, headerSize)
  return start
}

function writeHeader(frame: Buffer, length: number): void {
  frame[0] = TEXT
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

/** `data` is that of the ping, at most 125 bytes. */
function pongFrame(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([PONG, data.length]), data])
}
