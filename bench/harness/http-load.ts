// Loads an HTTP server over kept-alive connections, one request at a time on each, at little cost to the client.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Load, loadOf } from '#bench/harness/benchmark.ts'

export type HttpRequest = {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

type HttpLoad = Load & { readonly answers: number }

export type HttpLoader = Disposable & {
  /**
   * Sends requests for `ms` milliseconds. With `awake` this process never sleeps meanwhile: otherwise each write of the
   * server pays for waking it, a slow server's most. That takes one core. Throws when a response has a status other than
   * 200 or another length than the first.
   */
  run(ms: number, options: { readonly awake: boolean }): Promise<HttpLoad>
}

/** Opens `connections` connections that all send the same request. */
export function openHttpLoader(request: HttpRequest, connections: number): Promise<HttpLoader> {
  return openHttpLoaders(Array<HttpRequest>(connections).fill(request))
}

/** Opens one connection per request, all to the same server. Each request is serialized once. */
export async function openHttpLoaders(requests: readonly HttpRequest[]): Promise<HttpLoader> {
  const clients = await Promise.all(
    requests.map(request => {
      const { hostname, port } = new URL(request.url)
      return openClient({ host: hostname, port: Number(port) }, requestBytes(request))
    }),
  )
  return {
    async run(ms, { awake }) {
      const latencies: number[] = []
      const begin = performance.now()
      using _awake = awake ? stayAwake() : undefined
      await Promise.all(clients.map(client => repeat(client, begin + ms, latencies)))
      return { answers: latencies.length, ...loadOf(latencies, begin) }
    },
    [Symbol.dispose]: () => {
      for (const client of clients) client.close()
    },
  }
}

/** Keeps the process awake until disposed. */
function stayAwake(): Disposable {
  let awake = true
  const spin = () => awake && setImmediate(spin)
  spin()
  return {
    [Symbol.dispose]: () => {
      awake = false
    },
  }
}

async function repeat({ exchange }: Client, until: number, latencies: number[]): Promise<void> {
  for (let start = performance.now(); start < until; ) {
    await exchange()
    const end = performance.now()
    latencies.push(end - start)
    start = end
  }
}

function requestBytes({ url, method, headers, body }: HttpRequest): Buffer {
  const { host, pathname, search } = new URL(url)
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`)
  if (body !== undefined) lines.push(`content-length: ${Buffer.byteLength(body)}`)
  return Buffer.from(`${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
}

type Client = { exchange(): Promise<void>; close(): void }

async function openClient(address: { host: string; port: number }, request: Buffer): Promise<Client> {
  const socket = connect(address)
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return converse(socket, request)
}

/** Counts the bytes of each response: all have the length of the first, so only that one is parsed. */
function converse(socket: Socket, request: Buffer): Client {
  let length = 0
  let missing = 0
  let head: Buffer | undefined = Buffer.alloc(0)
  let waiting: PromiseWithResolvers<void> | undefined
  let broken: Error | undefined
  const fail = (error: Error) => {
    broken ??= error
    waiting?.reject(error)
    waiting = undefined
  }
  const received = (chunk: Buffer) => {
    if (head !== undefined) {
      head = Buffer.concat([head, chunk])
      length = lengthOf(head)
      if (length === 0) return
      missing = length - head.length
      head = undefined
    } else {
      if (missing === length && !chunk.subarray(0, 15).includes(' 200 ')) return fail(refused(chunk))
      missing -= chunk.length
    }
    if (missing > 0) return
    if (missing < 0) return fail(new Error('an answer was longer than the first'))
    missing = length
    waiting?.resolve()
  }
  socket.on('data', chunk => {
    try {
      received(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk))
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)))
    }
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed a connection')))
  return {
    exchange() {
      if (broken) return Promise.reject(broken)
      waiting = Promise.withResolvers<void>()
      socket.write(request)
      return waiting.promise
    },
    close: () => void socket.destroy(),
  }
}

/** Returns the length of head and body together, or 0 while the head is incomplete. */
function lengthOf(start: Buffer): number {
  const end = start.indexOf('\r\n\r\n')
  if (end < 0) return 0
  const head = start.subarray(0, end).toString('latin1')
  const [, body] = /\r\ncontent-length: (\d+)/i.exec(head) ?? []
  if (!head.startsWith('HTTP/1.1 200 ') || body === undefined) throw refused(start)
  return end + 4 + Number(body)
}

function refused(answer: Buffer): Error {
  return new Error(`an answer was not as it should be: ${answer.subarray(0, 600)}`)
}
