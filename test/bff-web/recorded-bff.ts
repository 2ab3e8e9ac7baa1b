// Starts a BFF whose requests to the gateway are recorded, in front of subgraphs that a test can stop.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { startServices } from '#start/services.ts'
import { type GraphSession, openGraphSession } from '#test/fixtures/graph-session.ts'
import type { TestPlatform } from '#test/fixtures/platform.ts'
import { createSender } from '#testbed/shop-client.ts'

type Subgraph = 'orders' | 'inventory' | 'payment' | 'shipping'

/** An operation in a request to the gateway. */
type RecordedOperation = {
  readonly name: string
  readonly variables: Readonly<Record<string, unknown>>
}

export type RecordedBff = AsyncDisposable & {
  readonly url: string
  browser(token?: string): GraphSession
  /** The requests to the gateway while `work` went on, each with its operations. */
  during<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly requests: readonly RecordedOperation[][] }>
  /** Really stops one of its own subgraphs. */
  stop(subgraph: Subgraph): Promise<void>
  start(subgraph: Subgraph): Promise<void>
}

/** `own` are subgraphs that this edge has instances of, over the platform's databases, behind a gateway of its own. */
export async function startRecordedBff(
  platform: TestPlatform,
  own: readonly Subgraph[] = [],
  name: 'bff-web' | 'bff-mobile' = 'bff-web',
): Promise<RecordedBff> {
  await using open = new AsyncDisposableStack()
  const { PORT: _port, GATEWAY_URL: shared = '', ...common } = platform.environment(name)
  const subgraphs = new Map<Subgraph, { port: number; running: AsyncDisposable | undefined }>()

  async function startSubgraph(name: Subgraph): Promise<void> {
    const port = subgraphs.get(name)?.port ?? 0
    const secret = 'a-secret-for-tests-only'
    const env = {
      ...common,
      PORT: String(port),
      DATABASE_URL: platform.databases[name],
      CARRIER_WEBHOOK_SECRET: secret,
      PAYMENT_WEBHOOK_SECRET: secret,
      INVENTORY_URL: `${platform.urls.inventory}/graphql`,
      PAYMENT_URL: `${platform.urls.payment}/graphql`,
      SHIPPING_URL: `${platform.urls.shipping}/graphql`,
    }
    const running = await startServices([{ name, env }])
    subgraphs.set(name, { port: running.services[0]?.port ?? 0, running })
  }

  async function stopSubgraph(name: Subgraph): Promise<void> {
    const found = subgraphs.get(name)
    if (!found?.running) return
    const { port, running } = found
    subgraphs.set(name, { port, running: undefined })
    await running[Symbol.asyncDispose]()
  }

  open.defer(async () => {
    await Promise.all([...subgraphs.keys()].map(stopSubgraph))
  })
  await Promise.all(own.map(startSubgraph))
  const gatewayUrl = own.length === 0 ? shared : `${await startGateway()}/graphql`
  const recorder = open.use(await startRecorder(gatewayUrl))
  const bff = await startServices([
    { name, env: { ...common, PORT: '0', GATEWAY_URL: `${recorder.url}/graphql` } },
  ])
  open.use(bff)
  const url = bff.services[0]?.url ?? ''

  async function startGateway(): Promise<string> {
    const urlOf = (name: Subgraph) => {
      const port = subgraphs.get(name)?.port
      return port ? `http://127.0.0.1:${port}` : platform.urls[name]
    }
    const names = ['orders', 'inventory', 'payment', 'shipping'] as const
    const env = {
      ...common,
      PORT: '0',
      SUBGRAPH_URLS: names.map(name => `${name}=${urlOf(name)}/graphql`).join(','),
    }
    const gateway = open.use(await startServices([{ name: 'gateway', env }]))
    return gateway.services[0]?.url ?? ''
  }

  const graphs = { token: platform.token, send: createSender(() => `${url}/graphql`) }
  const running = open.move()
  return {
    url,
    browser: token => openGraphSession(graphs, name, token),
    async during(work) {
      const before = recorder.requests.length
      const result = await work()
      return { result, requests: recorder.requests.slice(before) }
    },
    stop: stopSubgraph,
    start: startSubgraph,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function startRecorder(target: string) {
  const requests: RecordedOperation[][] = []
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const operations = operationsIn(body)
    if (operations.length > 0) requests.push(operations)
    const answer = await fetch(target, { method: 'POST', headers: forwarded(request), body }).catch(
      () => undefined, // the client gets a 502 below
    )
    for (const name of ['content-type', 'waybill-consistency', 'waybill-stale']) {
      const value = answer?.headers.get(name)
      if (value) response.setHeader(name, value)
    }
    response.statusCode = answer?.status ?? 502
    response.end(await answer?.text())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function operationsIn(body: string): RecordedOperation[] {
  const parsed: unknown = JSON.parse(body)
  const members: unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  return members.map(member => {
    const { query, variables } = member as { query: string; variables: RecordedOperation['variables'] }
    const name = /^(?:query|mutation)\s+(\w+)/.exec(query)?.[1] ?? query
    return { name, variables }
  })
}

function forwarded({ headers }: IncomingMessage): Record<string, string> {
  const kept = [
    'authorization',
    'content-type',
    'waybill-consistency',
    'x-request-id',
    'traceparent',
    'accept',
  ]
  return Object.fromEntries(
    kept.flatMap(name => {
      const value = headers[name]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )
}
