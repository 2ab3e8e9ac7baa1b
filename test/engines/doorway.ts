// A TCP address in front of an engine's, which can be shut and opened: the engine is away, and comes back. Free of protocols.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '#start/postgres-server.ts'

export type Doorway = AsyncDisposable & {
  /** `url` with this address in it. */
  readonly url: string
  open(): Promise<void>
  /** Cuts what is connected, and refuses connections. */
  shut(): Promise<void>
}

/** Shut at first. */
export async function createDoorway(url: string): Promise<Doorway> {
  const port = await freePort()
  const behind = new URL(url)
  const through = new URL(url)
  through.host = `127.0.0.1:${port}`
  const sockets = new Set<Socket>()
  let server: Server | undefined

  function keep(socket: Socket): Socket {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    return socket.once('close', () => sockets.delete(socket))
  }

  async function shut(): Promise<void> {
    const closing = server
    server = undefined
    if (!closing) return
    const closed = once(closing, 'close')
    closing.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  return {
    url: through.href,
    async open() {
      server = createServer(outer => {
        const inner = keep(connect(Number(behind.port), behind.hostname))
        keep(outer).pipe(inner).pipe(outer)
        outer.once('close', () => inner.destroy())
        inner.once('close', () => outer.destroy())
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    shut,
    [Symbol.asyncDispose]: shut,
  }
}
