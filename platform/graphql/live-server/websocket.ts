// One accepted WebSocket as a bounded outlet: whole frames, heartbeat, backpressure, an orderly close. Free of any protocol inside.
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { TimerWheel } from '#platform/graphql/live-server/timer-wheel.ts'
import { PING_FRAME, pongFrame, textFrame } from '#platform/graphql/live-server/websocket-frames.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type ClientSocket = {
  /** False while the client's buffer is full, and from the close on. */
  isReady(): boolean
  isOpen(): boolean
  send(text: string): void
  /** A text message whose frame begins with `start` and ends with `rest`, which may be shared. */
  sendParts(start: Buffer, rest: Buffer): void
  /** Asks the client to close, and cuts it when it does not. What comes first counts. */
  close(code: number, reason: string): void
}

export type ClientSocketEvents = {
  /** Undefined for a binary message. Not called from the close on. */
  onMessage(text: string | undefined): void
  /** More may be written. */
  onDrain(): void
  /** Nothing can be written any more: it is closing, or cut. Called once. */
  onEnd(): void
}

export type ClientSocketOptions = {
  readonly wheel: TimerWheel
  readonly heartbeatMs: number
  readonly logger: Logger
}

/** `socket` is that of `ws`. */
export type AcceptedSocket = { readonly ws: WebSocket; readonly socket: Duplex }

/** A close frame holds so much of a reason. */
const MAX_REASON_BYTES = 123
/** How long a client may take to answer a close. */
const FAREWELL_MS = 3000

/**
 * Frames are written past `ws`, which sends none of its own but the close: nothing is queued per message. While the
 * client's buffer is full, nothing it sends is read, so that what it asks for cannot pile up either.
 */
export function openClientSocket(
  { ws, socket }: AcceptedSocket,
  { wheel, heartbeatMs, logger }: ClientSocketOptions,
  events: ClientSocketEvents,
): ClientSocket {
  let alive = true
  let full = false
  let open = true
  let beat = wheel.after(heartbeatMs, heartbeat)

  function heartbeat(): void {
    if (!alive) {
      ws.terminate()
      return
    }
    alive = false
    beat = wheel.after(heartbeatMs, heartbeat)
    if (!full) write(PING_FRAME)
  }

  function write(frame: Buffer, rest?: Buffer): void {
    if (!open || ws.readyState !== ws.OPEN) return
    if (rest) socket.cork()
    socket.write(frame)
    if (rest) {
      socket.write(rest)
      socket.uncork()
    }
    if (full || !socket.writableNeedDrain) return
    full = true
    ws.pause()
    socket.once('drain', drained)
  }

  /** A client that reads is alive, however long its pong is under way. */
  function drained(): void {
    full = false
    alive = true
    ws.resume()
    if (open) events.onDrain()
  }

  function end(): void {
    if (!open) return
    open = false
    wheel.cancel(beat)
    events.onEnd()
  }

  ws.on('message', (data: Buffer, isBinary: boolean) => {
    alive = true
    if (open) events.onMessage(isBinary ? undefined : data.toString())
  })
  ws.on('ping', (data: Buffer) => write(pongFrame(data)))
  ws.on('pong', () => {
    alive = true
  })
  ws.once('error', error => logger.debug({ err: error }, 'a live connection broke'))
  ws.once('close', () => {
    wheel.cancel(beat)
    end()
  })
  return {
    isReady: () => open && !full,
    isOpen: () => open,
    send: text => write(textFrame(text)),
    sendParts: write,
    close(code, reason) {
      if (!open) return
      end()
      if (full) ws.resume()
      ws.close(code, fitting(reason))
      beat = wheel.after(FAREWELL_MS, () => ws.terminate())
    },
  }
}

function fitting(reason: string): string {
  let fits = reason
  while (Buffer.byteLength(fits) > MAX_REASON_BYTES) fits = fits.slice(0, -1)
  return fits
}
