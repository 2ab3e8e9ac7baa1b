// Serves the four subgraphs of the benchmark in one process. They are real federation subgraphs whose responses are
// cached as bytes, so that the benchmark measures the gateway.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import process from 'node:process'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { execute, type GraphQLSchema, parse } from 'graphql'
import { RESOLVERS, SDL, type Service } from '#bench/gateway/graph.ts'
import { handleRequests } from '#bench/harness/worker-process.ts'

type Request = { readonly path: string; readonly body: string }
type Resolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>

const HEAD_END = Buffer.from('\r\n\r\n')

const schemas = new Map<string, GraphQLSchema>()
for (const [name, sdl] of Object.entries(SDL))
  schemas.set(
    `/${name}`,
    buildSubgraphSchema({ typeDefs: parse(sdl), resolvers: RESOLVERS[name as Service] as Resolvers }),
  )

/** Complete responses by path and body. A run has few distinct ones. */
const remembered = new Map<string, Buffer>()
let requests = 0

async function respond({ path, body }: Request): Promise<Buffer> {
  const schema = schemas.get(path)
  if (!schema) throw new Error(`there is no subgraph at ${path}`)
  const operations: unknown = JSON.parse(body)
  const results = Array.isArray(operations)
    ? await Promise.all(operations.map(one => run(schema, one)))
    : await run(schema, operations as Operation)
  const bytes = Buffer.from(JSON.stringify(results))
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${bytes.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), bytes])
}

type Operation = {
  readonly query: string
  readonly variables?: Record<string, unknown>
  readonly operationName?: string
}

async function run(schema: GraphQLSchema, { query, variables, operationName }: Operation): Promise<unknown> {
  return execute({
    schema,
    document: parse(query),
    ...(variables && { variableValues: variables }),
    ...(operationName && { operationName }),
  })
}

/** Speaks only HTTP/1.1 with a content-length: parsing more would cost more than responding. */
function serve(socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0)
  let answering = Promise.resolve()
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', chunk => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let found = take(pending); found !== undefined; found = take(pending)) {
      pending = pending.subarray(found.length)
      const { key } = found
      requests++
      const known = remembered.get(key)
      if (known) socket.write(known)
      else answering = answering.then(() => learn(key, socket))
    }
  })
}

async function learn(key: string, socket: Socket): Promise<void> {
  const at = key.indexOf('\n')
  const response = await respond({
    path: key.slice(0, at),
    body: Buffer.from(key.slice(at + 1), 'latin1').toString(),
  })
  remembered.set(key, response)
  socket.write(response)
}

/** Takes the first complete request from the bytes: its path and body as one text, one character per byte. */
function take(bytes: Buffer): { readonly key: string; readonly length: number } | undefined {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const [, given] = /\r\ncontent-length: (\d+)/i.exec(head) ?? []
  if (given === undefined) throw new Error(`a request without a content-length: ${head}`)
  const length = end + HEAD_END.length + Number(given)
  if (bytes.length < length) return undefined
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'))
  return { key: `${path}\n${bytes.toString('latin1', end + HEAD_END.length, length)}`, length }
}

const server = createServer(serve)
server.listen({ host: '127.0.0.1', port: 0 })
await once(server, 'listening')
const bound = server.address()

handleRequests({
  port: () => (typeof bound === 'object' && bound ? bound.port : 0),
  requests: () => requests,
  cpuMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
})
