// Simulates shoppers who keep ordering through failures: each repeats a request under its key until it is answered.
import { setTimeout as delay } from 'node:timers/promises'
import {
  ADDRESS,
  addProduct,
  type PlatformClient,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

/** Initial stock, by SKU and warehouse. */
export const STOCK = {
  kettle: { 'BER-1': 100_000 },
  lamp: { 'NYC-1': 100_000 },
  last: { 'BER-1': 3, 'NYC-1': 2 },
} as const
type Sku = keyof typeof STOCK

type OrderKind = {
  readonly name: string
  readonly skus: readonly Sku[]
  readonly card: string
  readonly instructions: string
  readonly cancels: boolean
  /** How orders of this kind may end. */
  readonly ends: readonly ('COMPLETED' | 'CANCELLED')[]
}

const USUAL = {
  skus: ['kettle'],
  card: 'tok_approve',
  instructions: '',
  cancels: false,
  ends: ['COMPLETED'],
} as const
const NEVER = ['CANCELLED'] as const
const EITHER = ['COMPLETED', 'CANCELLED'] as const

const KINDS: readonly OrderKind[] = [
  { ...USUAL, name: 'plain' },
  { ...USUAL, name: 'two warehouses', skus: ['kettle', 'lamp'] },
  { ...USUAL, name: 'cancelled before dispatch', instructions: 'SANDBOX_HOLD', cancels: true, ends: NEVER },
  { ...USUAL, name: 'fast', instructions: 'SANDBOX_FAST' },
  // A kill may delay the approval's notification beyond the time that the order waits for it.
  { ...USUAL, name: 'needs approval', card: 'tok_approval', ends: EITHER },
  { ...USUAL, name: 'declined', card: 'tok_decline', ends: NEVER },
  { ...USUAL, name: 'cancelled while under way', skus: ['kettle', 'lamp'], cancels: true, ends: EITHER },
  { ...USUAL, name: 'last units', skus: ['last'], ends: EITHER },
  { ...USUAL, name: 'fails once at the provider', card: 'tok_fail_once' },
  { ...USUAL, name: 'refused by the carrier', instructions: 'SANDBOX_REFUSE', ends: NEVER },
  { ...USUAL, name: 'answer of the carrier lost', instructions: 'SANDBOX_FAIL_ONCE' },
  { ...USUAL, name: 'approval declined', card: 'tok_approval_declined', ends: NEVER },
  { ...USUAL, name: 'approval never comes', card: 'tok_approval_never', ends: NEVER },
  { ...USUAL, name: 'fast in two parcels', skus: ['lamp', 'kettle'], instructions: 'SANDBOX_FAST' },
]

/** An answered checkout. Goods that are known to be sold out are refused without an order. */
type Answered = {
  readonly key: string
  readonly kind: OrderKind
  readonly shopper: Shopper
  readonly orderId: string | undefined
}

export type Traffic = {
  readonly shoppers: readonly Shopper[]
  readonly answered: readonly Answered[]
  /** Resolves when `count` more checkouts are answered; rejects after a minute. */
  more(count: number): Promise<void>
  /** Stops ordering; resolves when every open request is answered. */
  finish(): Promise<void>
  /** Rejects when a shopper gives up. */
  readonly shopping: Promise<unknown>
  /** Repeats a checkout, and returns the id of its order. */
  repeat(answered: Answered): Promise<string | undefined>
}

const PATIENCE_MS = 60_000
const PAUSE_MS = 100
const SETTLE_MS = 2_000

type Pace = {
  /** The pause between two orders of a shopper; none when left out. */
  readonly pauseMs?: number
  /** How long a checkout waits for confirmation, which limits the load; 2 s when left out. */
  readonly settleWithinMs?: number
}

/** Starts the shoppers. `graphs` returns the client of the instance that runs at the moment. */
export async function startTraffic(graphs: PlatformClient, width: number, pace: Pace = {}): Promise<Traffic> {
  const { pauseMs = 0, settleWithinMs = SETTLE_MS } = pace
  const [shoppers] = await Promise.all([
    Promise.all(Array.from({ length: width }, (_, index) => registerShopper(graphs, `Shopper ${index}`))),
    ...Object.entries(STOCK).map(([sku, stock]) => addProduct(graphs, { sku, price: '19.99', stock })),
  ])
  const answered: Answered[] = []
  const state = { finishing: false, next: 0, heard: Promise.withResolvers<void>() }

  async function shop(shopper: Shopper): Promise<void> {
    while (!state.finishing) {
      const number = state.next++
      const kind = KINDS[number % KINDS.length] as OrderKind
      const key = `order-${number}`
      const orderId = await checkout(graphs, shopper, { key, kind, settleWithinMs })
      if (kind.cancels && orderId) await cancel(graphs, shopper, key, orderId)
      answered.push({ key, kind, shopper, orderId })
      const { heard } = state
      state.heard = Promise.withResolvers()
      heard.resolve()
      if (pauseMs > 0) await delay(pauseMs)
    }
  }
  const shopping = Promise.all(shoppers.map(shop))
  shopping.catch(() => {}) // the caller awaits it later

  return {
    shoppers,
    answered,
    shopping,
    async more(count) {
      const wanted = answered.length + count
      const late = AbortSignal.timeout(PATIENCE_MS)
      while (answered.length < wanted) {
        late.throwIfAborted()
        await Promise.race([state.heard.promise, shopping, delay(PAUSE_MS)])
      }
    },
    async finish() {
      state.finishing = true
      await shopping
    },
    repeat: ({ shopper, ...asked }) => checkout(graphs, shopper, { ...asked, settleWithinMs }),
  }
}

const CHECKOUT = `mutation($input: CheckoutInput!) {
  checkout(input: $input) {
    __typename
    ... on OrderAccepted { order { id } }
    ... on OrderPending { order { id } }
    ... on OrderNotFulfilled { order { id } }
    ... on OutOfStock { cancelledOrder { id } }
    ... on PaymentDeclined { cancelledOrder { id } }
    ... on Refusal { code message }
  }
}`

const CANCEL = 'mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }'

/** An order may have left meanwhile. */
const CANCELLATIONS = new Set(['OrderCancelled', 'CancellationPending', 'CannotCancel'])

type Recorded = { readonly id: string } | null
type CheckoutAnswer = {
  readonly __typename: string
  readonly order?: Recorded
  readonly cancelledOrder?: Recorded
}

async function checkout(
  graphs: PlatformClient,
  { token }: Shopper,
  { key, kind, settleWithinMs }: Pick<Answered, 'key' | 'kind'> & Required<Pick<Pace, 'settleWithinMs'>>,
): Promise<string | undefined> {
  const input = {
    idempotencyKey: key,
    reference: key,
    lines: kind.skus.map((sku, index) => ({ sku, quantity: index + 1 })),
    tenders:
      kind.skus.length > 1
        ? [
            { kind: 'VOUCHER', token: 'vch_500', amount: { amount: '5.00', currency: 'USD' } },
            { kind: 'CARD', token: kind.card },
          ]
        : [{ kind: 'CARD', token: kind.card }],
    deliveryAddress: ADDRESS,
    deliveryInstructions: kind.instructions,
    settleWithinMs,
  }
  const { checkout: answer } = await untilAnswered<{ checkout: CheckoutAnswer }>(
    graphs,
    token,
    CHECKOUT,
    input,
  )
  const orderId = (answer.order ?? answer.cancelledOrder)?.id
  if (orderId === undefined && answer.__typename !== 'OutOfStock')
    throw new Error(`${key} (${kind.name}) was refused without an order: ${JSON.stringify(answer)}`)
  return orderId
}

async function cancel(
  graphs: PlatformClient,
  { token }: Shopper,
  key: string,
  orderId: string,
): Promise<void> {
  const input = { idempotencyKey: `cancel-${key}`, orderId, settleWithinMs: 2_000 }
  type Answer = { readonly cancelOrder: { readonly __typename: string } }
  const { cancelOrder } = await untilAnswered<Answer>(graphs, token, CANCEL, input)
  if (!CANCELLATIONS.has(cancelOrder.__typename))
    throw new Error(`the cancellation of ${key} was answered with ${cancelOrder.__typename}`)
}

/** Repeats a request without a response, or for an unavailable service. Any other error fails the test. */
async function untilAnswered<T>(
  graphs: PlatformClient,
  token: string,
  query: string,
  input: object,
): Promise<T> {
  const late = AbortSignal.timeout(PATIENCE_MS)
  for (;;) {
    const reply = await graphs.send<T>('bff-web', token, query, { input }).catch((error: Error) => error)
    if (!(reply instanceof Error)) {
      if (reply.data && !reply.errors) return reply.data
      const [problem] = reply.errors ?? []
      if (problem && problem.extensions.code !== 'UNAVAILABLE') throw new Error(JSON.stringify(problem))
    }
    if (late.aborted) throw new Error(`not answered within a minute; at last: ${describe(reply)}`)
    await delay(PAUSE_MS)
  }
}

function describe(reply: unknown): string {
  return reply instanceof Error ? `${reply.message} ${reply.cause ?? ''}` : JSON.stringify(reply)
}
