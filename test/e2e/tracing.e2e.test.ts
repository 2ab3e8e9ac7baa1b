import { beforeAll, describe, expect, test } from 'vitest'
import { startServiceHosts } from '#test/e2e/abuse/service-hosts.ts'
import { type ReceivedSpan, startOtlpReceiver } from '#test/fixtures/otlp-receiver.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
} from '#testbed/shop-client.ts'

/** The trace context of a client: the trace of a click, and the span in which it sends the checkout. */
const CLICK = { trace: 'a'.repeat(32), span: 'b'.repeat(16) }
const APPROVAL = { trace: 'c'.repeat(32), span: 'd'.repeat(16) }
const traceparent = ({ trace, span }: typeof CLICK) => `00-${trace}-${span}-01`

let spans: readonly ReceivedSpan[]
beforeAll(async () => {
  await using receiver = await startOtlpReceiver()
  await using hosts = await startServiceHosts({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    CARRIER_SANDBOX_STEP_MS: '20',
    PAYMENT_SANDBOX_APPROVAL_MS: '200',
    LOG_LEVEL: 'warn',
  })
  await addProduct(hosts, { sku: 'mug', price: '12.00', stock: { 'BER-1': 10 } })
  const { token } = await registerShopper(hosts)

  async function buy(click: typeof CLICK, cardToken: string): Promise<void> {
    const input = {
      ...checkoutInput({ idempotencyKey: cardToken, sku: 'mug', settleWithinMs: 0 }),
      tenders: [{ kind: 'CARD', token: cardToken }],
    }
    const headers = { traceparent: traceparent(click) }
    const reply = await hosts.send<CheckoutResponse>('bff-web', token, CHECKOUT, { input }, headers)
    await using subscriber = subscribe<{ orderChanges: { order: { status: string } } }>({
      url: hosts.url('bff-web'),
      token,
      query: 'subscription Follow($id: ID!) { orderChanges(id: $id) { order { status } } }',
      variables: { id: reply.data.checkout.order?.id },
      extensions: headers,
    })
    await subscriber.until(({ orderChanges }) => orderChanges.order.status === 'COMPLETED')
  }
  await buy(CLICK, 'tok_approve')
  await buy(APPROVAL, 'tok_approval')
  await hosts[Symbol.asyncDispose]() // services flush their spans when they stop
  spans = receiver.spans
})

const within = ({ trace }: typeof CLICK) => spans.filter(span => span.traceId === trace)
const labelled = ({ service, name }: ReceivedSpan) => `${service}: ${name}`

/** Returns the span and its ancestors, up to the client's own. */
function path(span: ReceivedSpan): string[] {
  const parent = spans.find(({ spanId, traceId }) => spanId === span.parentId && traceId === span.traceId)
  return parent ? [...path(parent), labelled(span)] : [labelled(span)]
}

/** Returns the paths of the spans with a label. */
function pathsTo(click: typeof CLICK, label: string): string[][] {
  return within(click)
    .filter(span => labelled(span) === label)
    .map(path)
}

describe('the trace of a checkout', () => {
  test('has spans of every service that the order goes through', () => {
    expect(new Set(within(CLICK).map(span => span.service))).toEqual(
      new Set(['bff-web', 'gateway', 'orders', 'inventory', 'payment', 'shipping']),
    )
  })

  test("is complete: it contains every span's parent, up to the client's own", () => {
    for (const click of [CLICK, APPROVAL]) {
      const known = new Set([click.span, ...within(click).map(span => span.spanId)])
      expect(
        within(click)
          .filter(span => !known.has(span.parentId))
          .map(labelled),
      ).toEqual([])
    }
  })

  test('leads from the click through BFF and gateway into the command, with a GraphQL execution in each', () => {
    expect(pathsTo(CLICK, 'orders: mutation Checkout__orders__0')).toEqual([
      [
        'bff-web: POST /graphql',
        'bff-web: mutation',
        'bff-web: call gateway',
        'gateway: POST /graphql',
        'gateway: mutation Checkout',
        'gateway: subgraph orders',
        'orders: POST /graphql',
        'orders: mutation Checkout__orders__0',
      ],
    ])
  })

  test.each([
    ['reserve-stock', 'inventory: mutation OrdersReserveStock', 'orders: fulfilment inventory.reserveStock'],
    [
      'authorise-payment',
      'payment: payment provider authorise',
      'orders: fulfilment payment.authorisePayment',
    ],
    [
      'create-shipment',
      'shipping: mutation OrdersCreateShipment',
      'orders: fulfilment shipping.createShipment',
    ],
    ['ship-stock', 'inventory: mutation OrdersShipStock', 'orders: fulfilment inventory.shipStock'],
    ['capture', 'payment: payment provider capture', 'orders: fulfilment payment.capturePayment'],
  ])('continues through the saga step %s to the service that it calls', (_step, label, step) => {
    const paths = pathsTo(CLICK, label)
    expect(paths.length).toBeGreaterThan(0)
    for (const steps of paths) expect(steps).toEqual(expect.arrayContaining(['bff-web: POST /graphql', step]))
  })

  test('continues with the webhooks of the carrier and the payment provider, which carry no trace', () => {
    const [completed] = pathsTo(CLICK, 'orders: fulfilment orders.completeOrder')
    expect(completed).toEqual(
      expect.arrayContaining(['orders: fulfilment shipping.createShipment', 'shipping: carrier notice']),
    )
    const [committed] = pathsTo(APPROVAL, 'orders: fulfilment inventory.commitReservation')
    expect(committed).toEqual(
      expect.arrayContaining(['orders: fulfilment payment.authorisePayment', 'payment: payment notice']),
    )
  })

  test.each(['orders', 'inventory', 'payment', 'shipping'])('shows the projection of %s', service => {
    const paths = pathsTo(CLICK, `${service}: project`)
    expect(paths.length).toBeGreaterThan(0)
    for (const [first] of paths) expect(first).toBe('bff-web: POST /graphql')
  })

  test('ends with the push to the subscriber and the read behind it', () => {
    const pushes = pathsTo(CLICK, 'bff-web: push order')
    expect(pushes.length).toBeGreaterThan(0)
    expect(pushes.some(steps => steps.includes('shipping: carrier notice'))).toBe(true)
    const reads = pathsTo(CLICK, 'orders: query OrderPage__orders__0')
    expect(reads.some(steps => steps.includes('bff-web: push order'))).toBe(true)
  })

  test("contains the subscription under the client's span", () => {
    expect(pathsTo(CLICK, 'bff-web: live operation')).toEqual([['bff-web: live operation']])
  })
})
