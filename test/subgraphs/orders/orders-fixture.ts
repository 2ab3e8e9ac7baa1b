// Starts the four subgraphs in one process for tests, with real databases, real HTTP, tokens of every role, and the topics to wait on.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createServiceToken } from '#platform/auth/service-token.ts'
import type { Viewer } from '#platform/auth/viewer.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'
import { type HoldQuota, UNLIMITED_HOLDS } from '#subgraphs/inventory/domain/holds.ts'
import { startInventory } from '#subgraphs/inventory/service.ts'
import { type OrdersConfig, startOrders } from '#subgraphs/orders/service.ts'
import { startPayment } from '#subgraphs/payment/service.ts'
import { startShipping } from '#subgraphs/shipping/service.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { followTopics } from '#test/subgraphs/shipping/shipping-fixture.ts'

export const OPS: Viewer = { role: 'ops', subject: 'olga' }
export const SUPPORT: Viewer = { role: 'support', subject: 'sam' }

type ServiceName = 'orders' | 'inventory' | 'payment' | 'shipping'
/** Tests look into answers of every shape: what is not there is undefined, and fails the comparison. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Data = any
type GraphqlResponse = {
  readonly data: Data
  readonly codes: readonly string[]
  readonly messages: readonly string[]
  readonly consistency: string | null
}
type RequestOptions = {
  readonly variables?: object
  readonly on?: ServiceName
  readonly consistency?: string | null
}

export type Running = AsyncDisposable & {
  /** Orders' own database. */
  readonly databaseUrl: string
  request(viewer: Viewer | undefined, query: string, options?: RequestOptions): Promise<GraphqlResponse>
  /** Resolves with the first event of the order or its payment that has the type, also if it was published before. */
  waitForEvent(orderId: string, type: string): Promise<BusMessage>
  /** The payment of an order as staff sees it, or null. */
  paymentOf(orderId: string): Promise<Data>
  /** Adds a product with stock by warehouse. */
  addProduct(
    sku: string,
    stock: Readonly<Record<string, number>>,
    amount?: string,
    dimensions?: { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number },
  ): Promise<void>
  /** A registered customer of its own. */
  newCustomer(name?: string): Promise<Viewer>
  /** Sends payment a notice as its provider would; answers the HTTP status. */
  notifyPayment(notice: object): Promise<number>
  /** Sends shipping notices as its carrier would, in one call; answers the HTTP status. */
  notifyCarrier(notices: readonly object[]): Promise<number>
  stop(service: ServiceName): Promise<void>
  /** Starts payment anew, where it was before it was stopped. */
  startPaymentAgain(): Promise<void>
}

type Settings = Partial<
  Pick<OrdersConfig, 'approvalTimeoutMs' | 'reservationMs' | 'now' | 'workflowUrl' | 'sagaPolicy'>
> & {
  readonly approvalMs?: number
  readonly holdQuota?: HoldQuota
}

export async function runSubgraphs({
  approvalMs = 20,
  holdQuota = UNLIMITED_HOLDS,
  ...settings
}: Settings = {}): Promise<Running> {
  await using opening = new AsyncDisposableStack()
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-orders-'))
  opening.defer(() => rm(directory, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(directory)
  const eventBusUrl = await freshDatabase()
  const urls: Partial<Record<ServiceName, string>> = {}
  const stops: Partial<Record<ServiceName, () => Promise<void>>> = {}

  async function configOf<Name extends ServiceName>(name: Name) {
    const databaseUrl = await freshDatabase()
    return {
      name,
      host: '127.0.0.1',
      port: 0,
      databaseUrl,
      readModelsUrl: databaseUrl,
      eventBusUrl,
      auth: issuer,
      serviceToken: createServiceToken({ directory, subject: name }),
      development: false,
      logger: createLogger({ service: name, level: 'error' }),
      now: () => new Date(),
    }
  }
  async function started(
    name: ServiceName,
    starting: Promise<AsyncDisposable & { url: string }>,
    stack = opening,
  ): Promise<void> {
    const service = await starting
    let stopping: Promise<void> | undefined
    const stop = async () => {
      stopping ??= Promise.resolve(service[Symbol.asyncDispose]())
      await stopping
    }
    stack.defer(stop)
    urls[name] = `${service.url}/graphql`
    stops[name] = stop
  }

  const webhookSecret = 'a secret of the tests'
  const [inventory, payment, shipping, orders] = await Promise.all([
    configOf('inventory'),
    configOf('payment'),
    configOf('shipping'),
    configOf('orders'),
  ])
  const runPayment = (port: number) =>
    startPayment({ ...payment, port, webhookSecret, sandboxApprovalMs: approvalMs })
  await Promise.all([
    started('inventory', startInventory({ ...inventory, expirySweepMs: 100, holdQuota })),
    started('payment', runPayment(0)),
    started('shipping', startShipping({ ...shipping, webhookSecret, sandboxStepMs: 15 })),
  ])
  const { inventory: inventoryUrl = '', payment: paymentUrl = '', shipping: shippingUrl = '' } = urls
  await started('orders', startOrders({ ...orders, inventoryUrl, paymentUrl, shippingUrl, ...settings }))
  const { published } = await followTopics(eventBusUrl, ['orders', 'payment'], opening)

  async function request(
    viewer: Viewer | undefined,
    query: string,
    { variables = {}, on = 'orders', consistency }: RequestOptions = {},
  ): Promise<GraphqlResponse> {
    const headers = {
      ...(viewer && { authorization: `Bearer ${await issuer.sign(viewer)}` }),
      ...(consistency && { 'waybill-consistency': consistency }),
    }
    const response = await postJson(urls[on] ?? '', { query, variables }, headers)
    const { data, errors = [] } = (await response.json()) as {
      data?: Data
      errors?: { message: string; extensions: { code: string } }[]
    }
    return {
      data,
      codes: errors.map(error => error.extensions.code),
      messages: errors.map(error => error.message),
      consistency: response.headers.get('waybill-consistency'),
    }
  }

  async function notify(url: URL, notice: object): Promise<number> {
    const body = JSON.stringify(notice)
    const signed = { [SIGNATURE_HEADER]: signWebhook(webhookSecret, body, new Date()) }
    return (await postJson(url.href, body, signed)).status
  }

  const open = opening.move()
  return {
    databaseUrl: orders.databaseUrl,
    request,
    waitForEvent(orderId, type) {
      const streams = [`order-${orderId}`, `payment-${siblingId('payment', orderId)}`]
      return published(message => message.type === type && streams.includes(message.stream))
    },
    async paymentOf(orderId) {
      const variables = { id: siblingId('payment', orderId) }
      return (await request(SUPPORT, PAYMENT, { on: 'payment', variables })).data.payment
    },
    async addProduct(sku, stock, amount = '10.00', dimensions = { lengthCm: 10, widthCm: 10, heightCm: 10 }) {
      const input = {
        idempotencyKey: sku,
        sku,
        title: `A ${sku}`,
        price: { amount, currency: 'USD' },
        weightGrams: 400,
        dimensions,
        stock: Object.entries(stock).map(([warehouse, quantity]) => ({ warehouse, quantity })),
      }
      const added = await request(OPS, ADD_PRODUCT, { on: 'inventory', variables: { input } })
      await request(OPS, '{ categories }', { on: 'inventory', consistency: added.consistency })
    },
    async newCustomer(name = 'Ada Byron') {
      const customer: Viewer = { role: 'customer', subject: newId('customer') }
      await request(customer, REGISTER, {
        variables: keyed({ name, email: `${name.split(' ')[0]}@example.com`.toLowerCase() }),
      })
      return customer
    },
    notifyPayment: notice => notify(new URL('/webhooks/payment', paymentUrl), notice),
    notifyCarrier: events => notify(new URL('/webhooks/carrier', shippingUrl), { id: randomUUID(), events }),
    stop: async service => stops[service]?.(),
    startPaymentAgain: () => started('payment', runPayment(Number(new URL(paymentUrl).port)), open),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

const PAYMENT = `query($id: ID!) { payment(id: $id) {
  status authorised { amount } captured { amount } refunded { amount }
  tenders { kind captured { amount } refunded { amount } } } }`
const ADD_PRODUCT = 'mutation($input: AddProductInput!) { addProduct(input: $input) { __typename } }'
const REGISTER = 'mutation($input: RegisterCustomerInput!) { registerCustomer(input: $input) { id } }'

/** Variables of a command under a key of its own, unless it brings one. */
export function keyed(input: object): { input: { idempotencyKey: string } } {
  return { input: { idempotencyKey: randomUUID(), ...input } }
}

/** A card payment of one unit, waited for; `changes` say otherwise. */
export function anOrder(sku: string, changes: object = {}): { input: { idempotencyKey: string } } {
  return keyed({
    lines: [{ sku, quantity: 1 }],
    tenders: [{ kind: 'CARD', token: 'tok_approve' }],
    deliveryAddress: {
      name: 'Ada',
      line1: 'Hauptstr. 1',
      city: 'Berlin',
      postalCode: '10115',
      country: 'DE',
    },
    settleWithinMs: 10_000,
    ...changes,
  })
}

export const PLACE = `mutation($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    __typename
    ... on Refusal { code message }
    ... on OrderAccepted { order { ...Whole } }
    ... on OrderPending { message order { ...Whole } }
    ... on UnknownProduct { skus }
    ... on UnknownCustomer { customerId }
    ... on OutOfStock { shortages { sku requested available } cancelledOrder { ...Whole } }
    ... on PaymentDeclined { retryable cancelledOrder { ...Whole } }
    ... on TotalChanged { expected { amount currency } actual { amount currency } }
    ... on TenderMismatch { total { amount } tendered { amount } }
    ... on MixedCurrencies { currencies }
    ... on OrderNotFulfilled { order { ...Whole } }
  }
}
fragment Whole on Order {
  id number reference status awaitingApproval cancellationRequested
  cancellation { reason message at }
  customer { id name email }
  lines { lineNo sku title quantity shippedQuantity returnedQuantity unitPrice { amount currency } total { amount } }
  itemsTotal { amount } shippingFee { amount } adjustments { label amount { amount } } total { amount currency }
  deliveryAddress { name line1 line2 city region postalCode country } shippingOption
  placedAt updatedAt timeline { at type text } allowedActions
  returns { id status reason lines { sku quantity } refund { amount } requestedAt }
}`

/** The same fields of an order by id, for comparison. */
export const ORDER = `query($id: ID!) { order(id: $id) { ...Whole } } ${PLACE.slice(PLACE.indexOf('fragment'))}`
