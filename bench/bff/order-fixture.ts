// Starts Waybill as a user does, with a customer whose 20 orders are completed and no longer change.
import { chmod, mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { newId } from '#platform/domain/ids.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  createSender,
  type PlatformClient,
  registerShopper,
} from '#testbed/shop-client.ts'
import { freePortBase, startWaybill, type WaybillProcess } from '#testbed/waybill-process.ts'

const ORDERS = 20
const LINES = 4
const AT_REST_MS = 60_000

export type OrderFixture = AsyncDisposable & {
  readonly customerId: string
  /** The id of the newest order: four lines, completed. */
  readonly orderId: string
  /** The HTTP headers of the customer's requests. */
  readonly headers: Readonly<Record<string, string>>
  /** Returns the headers of `count` sessions of the customer, each with its own token. */
  sessions(count: number): Promise<Readonly<Record<string, string>>[]>
  url(service: 'bff-web' | 'gateway'): string
  /** Sends an operation and returns the response body. */
  ask(service: 'bff-web' | 'gateway', operation: object): Promise<string>
  /** Returns how many responses the web BFF has served from its cache. */
  cachedResponses(): Promise<number>
}

export async function openOrderFixture(): Promise<OrderFixture> {
  await using open = new AsyncDisposableStack()
  const { path: dataDir } = open.use(await mkdtempDisposable(path.join(tmpdir(), 'waybill-bench-')))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  const env = { CARRIER_SANDBOX_STEP_MS: '20', LOG_LEVEL: 'error' }
  const instance = open.use(await startWaybill({ dataDir, portBase: await freePortBase(), env }))
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const graphs: PlatformClient = {
    token: (role, subject = newId('customer')) => issuer.sign({ role, subject, ttlSeconds: 24 * 3600 }),
    send: createSender(service => `${instance.url(service)}/graphql`),
  }
  const { id: customerId, token } = await registerShopper(graphs)
  const orderId = await placeOrders(graphs, token)
  const headersOf = (bearer: string) => ({
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: `Bearer ${bearer}`,
  })
  const headers = headersOf(token)
  const running = open.move()
  const url: OrderFixture['url'] = service => `${instance.url(service)}/graphql`
  return {
    customerId,
    orderId,
    headers,
    sessions: count =>
      Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const ttlSeconds = 3600 + index // equal claims may give equal tokens
          return headersOf(await issuer.sign({ role: 'customer', subject: customerId, ttlSeconds }))
        }),
      ),
    url,
    async ask(service, operation) {
      const response = await fetch(url(service), { method: 'POST', headers, body: JSON.stringify(operation) })
      return response.text()
    },
    cachedResponses: () => readKept(instance),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Places the orders, waits until all are completed, and returns the id of the newest. */
async function placeOrders(graphs: PlatformClient, token: string): Promise<string> {
  const lines = Array.from({ length: LINES }, (_, index) => ({ sku: `bench-${index}`, quantity: 2 }))
  for (const { sku } of lines)
    await addProduct(graphs, { sku, price: '19.99', stock: { 'BER-1': 1_000_000 } })
  let newest = ''
  for (let count = 0; count < ORDERS; count++) {
    const input = checkoutInput({ idempotencyKey: `bench-order-${count}`, sku: '', lines })
    const reply = await graphs.send<CheckoutResponse>('bff-web', token, CHECKOUT, { input })
    if (reply.errors || reply.data.checkout.order === undefined) throw new Error(JSON.stringify(reply))
    newest = reply.data.checkout.order.id
  }
  await completed(graphs, token)
  return newest
}

type Statuses = { readonly orders: { readonly nodes: readonly { readonly status: string }[] } }

async function completed(graphs: PlatformClient, token: string): Promise<void> {
  const late = AbortSignal.timeout(AT_REST_MS)
  for (;;) {
    late.throwIfAborted()
    const { data } = await graphs.send<Statuses>('bff-web', token, '{ orders { nodes { status } } }')
    if (data.orders.nodes.every(({ status }) => status === 'COMPLETED')) return
    await delay(100)
  }
}

async function readKept(instance: WaybillProcess): Promise<number> {
  const text = await (await fetch(`${instance.url('bff-web')}/metrics`)).text()
  const [, count] = /^waybill_answers_total\{service="bff-web",outcome="hit"\} (\d+)$/m.exec(text) ?? []
  return Number(count ?? 0)
}
