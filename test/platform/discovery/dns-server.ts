// A small DNS server for tests: A and SRV records that can be changed, and silence. Free of everything else of DNS.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

type Srv = {
  readonly target: string
  readonly port: number
  readonly weight: number
  readonly priority?: number
}
type Records = { readonly a?: readonly string[]; readonly srv?: readonly Srv[] }

const A = 1
const SRV = 33

export type DnsServer = AsyncDisposable & {
  /** Host and port. */
  readonly address: string
  /** By name; what is not in it does not exist. */
  readonly records: Map<string, Records>
  /** The queries received so far, such as `A orders.test`. */
  readonly queries: string[]
  silent: boolean
}

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server: DnsServer = {
    address: `127.0.0.1:${socket.address().port}`,
    records: new Map(),
    queries: [],
    silent: false,
    async [Symbol.asyncDispose]() {
      socket.close()
    },
  }
  socket.on('message', (query, { port, address }) => {
    if (!server.silent) socket.send(answer(query, server), port, address)
  })
  return server
}

function answer(query: Buffer, { records, queries }: DnsServer): Buffer {
  const { name, end } = readName(query, 12)
  const type = query.readUInt16BE(end)
  queries.push(`${type === SRV ? 'SRV' : type === A ? 'A' : type} ${name}`)
  const found = records.get(name)
  const data =
    type === A ? (found?.a ?? []).map(writeA) : type === SRV ? (found?.srv ?? []).map(writeSrv) : []
  const header = Buffer.alloc(12)
  header.writeUInt16BE(query.readUInt16BE(0), 0)
  header.writeUInt16BE(found ? 0x8580 : 0x8583, 2) // NXDOMAIN for what is not there
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(data.length, 6)
  return Buffer.concat([header, query.subarray(12, end + 4), ...data.map(one => writeRecord(type, one))])
}

function readName(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

/** A record of the queried name, with a TTL of zero. */
function writeRecord(type: number, data: Buffer): Buffer {
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length])
  return Buffer.concat([head, data])
}

function writeA(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number))
}

function writeSrv({ target, port, weight, priority = 1 }: Srv): Buffer {
  const head = Buffer.alloc(6)
  for (const [index, value] of [priority, weight, port].entries()) head.writeUInt16BE(value, index * 2)
  const labels = target.split('.').map(label => Buffer.from(`${String.fromCharCode(label.length)}${label}`))
  return Buffer.concat([head, ...labels, Buffer.from([0])])
}
