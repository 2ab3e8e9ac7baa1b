// A copy started as a user starts it, with a customer whose 20 orders are completed and at rest, for reading them.
import { chmod, mkdtemp, rm } from 'node:fs/promises'
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
  /** The newest order: four lines, completed. */
  readonly orderId: string
  /** Of the customer's requests. */
  readonly headers: Readonly<Record<string, string>>
  /** Of as many sessions of the customer's, each with a token of its own. */
  sessions(count: number): Promise<Readonly<Record<string, string>>[]>
  url(service: 'bff-web' | 'gateway'): string
  /** The answer's text. */
  ask(service: 'bff-web' | 'gateway', operation: object): Promise<string>
  /** How many answers the web BFF has served from memory so far. */
  cachedResponses(): Promise<number>
}

export async function openOrderFixture(): Promise<OrderFixture> {
  await using open = new AsyncDisposableStack()
  const dataDir = await mkdtemp(path.join(tmpdir(), 'waybill-bench-'))
  await chmod(dataDir, 0o755) // PostgreSQL's own account must be able to pass through
  open.defer(() => rm(dataDir, { recursive: true, force: true }))
  const env = { CARRIER_SANDBOX_STEP_MS: '20', LOG_LEVEL: 'error' }
  const copy = open.use(await startWaybill({ dataDir, portBase: await freePortBase(), env }))
  const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
  const graphs: PlatformClient = {
    token: (role, subject = newId('customer')) => issuer.sign({ role, subject, ttlSeconds: 24 * 3600 }),
    send: createSender(service => `${copy.url(service)}/graphql`),
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
  const url: OrderFixture['url'] = service => `${copy.url(service)}/graphql`
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
    cachedResponses: () => readKept(copy),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Resolves with the newest one's id when all are completed: from then on nothing happens to them. */
async function placeOrders(graphs: PlatformClient, token: string): Promise<string> {
  const skus = Array.from({ length: LINES }, (_, index) => `bench-${index}`)
  for (const sku of skus) await addProduct(graphs, { sku, price: '19.99', stock: { 'BER-1': 1_000_000 } })
  let newest = ''
  for (let count = 0; count < ORDERS; count++) {
    const { sku, ...input } = { sku: '', idempotencyKey: `bench-order-${count}` }
    const reply = await graphs.send<CheckoutResponse>('bff-web', token, CHECKOUT, {
      input: checkoutInput({ ...input, sku, lines: skus.map(each => ({ sku: each, quantity: 2 })) }),
    })
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

async function readKept(copy: WaybillProcess): Promise<number> {
  const text = await (await fetch(`${copy.url('bff-web')}/metrics`)).text()
  const [, count] = /^waybill_answers_total\{service="bff-web",outcome="hit"\} (\d+)$/m.exec(text) ?? []
  return Number(count ?? 0)
}
