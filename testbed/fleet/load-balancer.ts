// Balances TCP connections over a service's processes in turn.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

type LoadBalancer = AsyncDisposable & { readonly port: number }

/** Listens on loopback. A connection goes to the next port that accepts it, and is closed when none does. */
export async function startLoadBalancer(ports: readonly number[]): Promise<LoadBalancer> {
  const open = new Set<Socket>()
  let turn = 0
  const server = createServer({ noDelay: true }, client => {
    turn += 1
    const at = turn % ports.length
    void relay(client, [...ports.slice(at), ...ports.slice(0, at)], open)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

/** Closes each end when the other closes or fails; nothing is sent twice. */
async function relay(client: Socket, ports: readonly number[], open: Set<Socket>): Promise<void> {
  client.on('error', () => {})
  const upstream = await firstToTake(ports)
  if (!upstream || client.destroyed) {
    client.destroy()
    return void upstream?.destroy()
  }
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    open.add(one)
    one.on('error', () => {})
    one.once('close', () => {
      open.delete(one)
      other.destroy()
    })
    one.pipe(other)
  }
}

async function firstToTake(ports: readonly number[]): Promise<Socket | undefined> {
  for (const port of ports) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const taken = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    if (taken) return socket
    socket.destroy()
  }
  return undefined
}
