// Replays a plan through the web BFF: adds products with stock, then places each order, and cancels it if need be.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import {
  customerIdOf,
  type EarlierOrder,
  earlierOrders,
  hasContentOf,
  isStanding,
  moneyText,
  type Shop,
} from '#tools/import/earlier-orders.ts'
import type { PlannedOrder, PlannedProduct } from '#tools/import/plan.ts'
import type { Progress } from '#tools/import/progress.ts'
import { inParallel, NoResponse, RequestRefused, type WebClient } from '#tools/import/web-client.ts'

const ADD_PRODUCT = `mutation ImportProduct($input: AddProductInput!) {
  addProduct(input: $input) { __typename ... on Refusal { code message } }
}`
const REGISTER = `mutation ImportCustomer($input: RegisterCustomerInput!) {
  registerCustomer(input: $input) { __typename ... on Refusal { code message } }
}`
const CHECKOUT = `mutation ImportOrder($input: CheckoutInput!) {
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
const CANCEL = `mutation ImportCancellation($input: CancelOrderInput!) {
  cancelOrder(input: $input) { __typename ... on Refusal { code message } }
}`
const CANCELLATION = `query ImportedCancellation($id: ID!) {
  order(id: $id) { status cancellation { reason message at } }
}`
const PRODUCT = `query ImportedProduct($sku: ID!) { product(sku: $sku) { title } }`

/** Scenarios of the sandbox carrier: how far a parcel goes. */
const INSTRUCTIONS: Readonly<Record<PlannedOrder['outcome'], string>> = {
  delivered: 'SANDBOX_FAST',
  shipped: 'SANDBOX_FAST SANDBOX_STOP_AFTER_DISPATCH',
  held: 'SANDBOX_HOLD',
  cancelled: 'SANDBOX_HOLD',
}
/**
 * A refusal stays under its key, so another attempt at the order needs another key. The keys of an order are
 * a fixed series: every run tries them from the start and so finds an order that an earlier run placed.
 */
const MOST_KEYS = 20
/** How often one run lets the platform refuse an order anew. */
const MOST_FRESH_REFUSALS = 3
const RETRY_PAUSE_MS = 1_000

export type Replay = Shop & {
  readonly width: number
  /** When this run began: a later refusal is a new one. */
  readonly since: number
}

/** The result for one order: its id, or why there is none. */
export type Placement = {
  readonly order: PlannedOrder
  /** The number of the key under which it was placed or last refused; 0 when no key was used. */
  readonly keyNumber: number
} & (
  | { readonly status: 'placed'; readonly id: string }
  | { readonly status: 'refused' | 'unanswered'; readonly reason: string }
)
/** Why a product is not in the catalogue. */
export type ImportFailure = { readonly status: 'refused' | 'unanswered'; readonly reason: string }

/** The result of a command, with code and message when it is a refusal. */
type CommandResult = { readonly __typename: string; readonly code?: string; readonly message?: string }
type Checkout = CommandResult & {
  readonly order?: { readonly id: string }
  readonly cancelledOrder?: { readonly id: string } | null
}

/** Throws RequestRefused when the input is invalid or its key was used for another request: nothing was done. */
function requireSound({ __typename, code = '', message = '' }: CommandResult): void {
  if (__typename === 'InvalidInput' || __typename === 'IdempotencyConflict')
    throw new RequestRefused(code, message)
}

/** Returns the failure of one row. Other errors are ours or affect all rows, and are thrown. */
function failureOf(error: unknown): ImportFailure {
  if (error instanceof RequestRefused) return { status: 'refused', reason: error.message }
  if (error instanceof NoResponse) return { status: 'unanswered', reason: error.message }
  throw error
}

/**
 * Adds the products, the variants of a family one after the other; one that exists from an earlier run stays as it is.
 * Returns failures by SKU.
 */
export async function addProducts(
  replay: Replay,
  products: readonly PlannedProduct[],
  progress: Progress,
): Promise<Map<string, ImportFailure>> {
  const failures = new Map<string, ImportFailure>()
  const families = Map.groupBy(products, ({ sku, shown }) => shown.family ?? `product ${sku}`)
  await inParallel([...families.values()], replay.width, async variants => {
    for (const product of variants) {
      const failure = await addProduct(replay, product)
      if (failure) failures.set(product.sku, failure)
      progress.step(failure ? 'failed' : 'done')
    }
  })
  progress.end()
  return failures
}

async function addProduct(
  { web, source, currency }: Replay,
  { at: _, priceMinor, shown, ...product }: PlannedProduct,
): Promise<ImportFailure | undefined> {
  const price = moneyText(priceMinor, currency)
  const input = { idempotencyKey: `${source}:product:${product.sku}`, ...product, ...shown, price }
  try {
    const { addProduct } = await web.send<{ addProduct: CommandResult }>(ADD_PRODUCT, { input })
    if (addProduct.code === undefined) return undefined
    if (addProduct.code === 'PRODUCT_EXISTS' && (await hasTitle(web, product))) return undefined
    return { status: 'refused', reason: `${addProduct.code} ${addProduct.message}` }
  } catch (error) {
    return failureOf(error)
  }
}

/** Returns whether the catalogue has the product, which an earlier run added under a key that is forgotten by now. */
async function hasTitle(
  web: WebClient,
  { sku, title }: Pick<PlannedProduct, 'sku' | 'title'>,
): Promise<boolean> {
  type Answer = { readonly product: { readonly title: string } | null }
  const { product } = await web.send<Answer>(PRODUCT, { sku })
  return product?.title === title
}

/**
 * Places the orders in sequence, `width` at a time, and cancels those that their customers cancelled. An order that an
 * earlier run placed is recognised by its reference, and nothing is sent for it.
 */
export async function replayOrders(
  replay: Replay,
  orders: readonly PlannedOrder[],
  failedProducts: ReadonlyMap<string, ImportFailure>,
  progress: Progress,
): Promise<Placement[]> {
  const placements: Placement[] = []
  await inParallel(orders, replay.width, async order => {
    const placement =
      (await recognise(replay, order)) ??
      lackingProduct(order, failedProducts) ??
      (await placeOrder(replay, order))
    placements.push(placement)
    progress.step(placement.status === 'placed' ? 'done' : 'failed')
  })
  progress.end()
  return placements
}

async function recognise(replay: Replay, order: PlannedOrder): Promise<Placement | undefined> {
  try {
    const earlier = await earlierOutcome(replay, order)
    return earlier && { order, keyNumber: 0, ...earlier }
  } catch (error) {
    return { order, keyNumber: 0, ...failureOf(error) }
  }
}

function lackingProduct(
  order: PlannedOrder,
  failed: ReadonlyMap<string, ImportFailure>,
): Placement | undefined {
  for (const { sku } of order.lines) {
    const failure = failed.get(sku)
    if (failure)
      return { order, keyNumber: 0, status: failure.status, reason: `product ${sku}: ${failure.reason}` }
  }
  return undefined
}

/** Tries the order's keys, from number `from` on, until one is not refused. */
export async function placeOrder(replay: Replay, order: PlannedOrder, from = 1): Promise<Placement> {
  let fresh = 0
  let keyNumber = from
  try {
    await registerCustomer(replay, order)
    for (; ; keyNumber++) {
      const outcome = await tryKey(replay, order, keyNumber)
      if (outcome.status !== 'again') return { order, keyNumber, ...outcome }
      if (outcome.isFresh) fresh++
      if (fresh >= MOST_FRESH_REFUSALS || keyNumber >= MOST_KEYS)
        return { order, keyNumber, status: 'refused', reason: outcome.reason }
      if (outcome.isFresh) await delay(RETRY_PAUSE_MS * fresh)
    }
  } catch (error) {
    return { order, keyNumber, ...failureOf(error) }
  }
}

type Final =
  | { readonly status: 'placed'; readonly id: string }
  | { readonly status: 'refused'; readonly reason: string }
type Outcome = Final | { readonly status: 'again'; readonly reason: string; readonly isFresh: boolean }

/** Results of a checkout whose order was not cancelled by then. */
const LIVING = new Set(['OrderAccepted', 'OrderPending'])

async function tryKey(replay: Replay, order: PlannedOrder, keyNumber: number): Promise<Outcome> {
  const checkout = await checkOut(replay, order, keyNumber)
  if (checkout === 'used') return afterOtherContent(replay, order)
  const id = checkout.order?.id ?? checkout.cancelledOrder?.id
  if (id === undefined) return afterRefusal(checkout)
  const lost = LIVING.has(checkout.__typename) ? undefined : await lostOrder(replay, order, id)
  return lost ?? placedAs(replay, order, id)
}

/** Cancels the order if its customer did. */
async function placedAs({ web, source }: Replay, order: PlannedOrder, id: string): Promise<Final> {
  const input = { idempotencyKey: `${source}:cancel:${id}`, orderId: id }
  if (order.outcome === 'cancelled') {
    const { cancelOrder } = await web.send<{ cancelOrder: CommandResult }>(CANCEL, { input })
    requireSound(cancelOrder)
  }
  return { status: 'placed', id }
}

/** Returns `used` when the key was used for an order with other content. */
async function checkOut(replay: Replay, order: PlannedOrder, keyNumber: number): Promise<Checkout | 'used'> {
  const input = checkoutInput(replay, order, keyNumber)
  const { checkout } = await replay.web.send<{ checkout: Checkout }>(CHECKOUT, { input })
  return checkout.__typename === 'IdempotencyConflict' ? 'used' : checkout
}

/** Refusals that must stem from an earlier run, since this run has added the customer and the products. */
const OUTDATED = new Set(['UnknownProduct', 'UnknownCustomer'])

function afterRefusal({ __typename, code = '', message = '' }: Checkout): Outcome {
  const reason = `${code} ${message}`.trim()
  return OUTDATED.has(__typename)
    ? { status: 'again', reason, isFresh: false }
    : { status: 'refused', reason }
}

type CancelledPage = {
  readonly order: {
    readonly status: string
    readonly cancellation: { readonly reason: string; readonly message: string; readonly at: string } | null
  } | null
}

/** Reasons for a cancellation that may not recur. */
const PASSING = new Set([
  'OUT_OF_STOCK',
  'PAYMENT_UNAVAILABLE',
  'APPROVAL_TIMED_OUT',
  'STOCK_HOLD_EXPIRED',
  'CARRIER_REFUSED',
])

/** Returns whether another attempt at a cancelled order may succeed. */
export function isPassing(cancellation: { readonly reason: string } | null): boolean {
  return cancellation !== null && PASSING.has(cancellation.reason)
}

/** Returns what to do with a placed order that is cancelled; undefined when it is not, or was meant to be. */
async function lostOrder(
  { web, since }: Replay,
  order: PlannedOrder,
  id: string,
): Promise<Exclude<Outcome, { status: 'placed' }> | undefined> {
  const { order: page } = await web.send<CancelledPage>(CANCELLATION, { id })
  const cancellation = page?.status === 'CANCELLED' ? page.cancellation : null
  if (!cancellation) return undefined
  if (cancellation.reason === 'CUSTOMER_REQUEST' && order.outcome === 'cancelled') return undefined
  const reason = `order ${id} was cancelled: ${cancellation.reason} ${cancellation.message}`
  if (!isPassing(cancellation)) return { status: 'refused', reason }
  return { status: 'again', reason, isFresh: Date.parse(cancellation.at) >= since }
}

/** Leaves an order that was placed with other content; one that was only refused may be placed as it is now. */
async function afterOtherContent(replay: Replay, order: PlannedOrder): Promise<Outcome> {
  const standing = (await earlierOrders(replay, order)).find(isStanding)
  return standing
    ? importedOtherwise(standing)
    : { status: 'again', reason: 'its key was used with other content', isFresh: false }
}

function importedOtherwise({ id }: EarlierOrder): Final {
  return {
    status: 'refused',
    reason: `it was imported before with other content, as ${id}, which is left as it is`,
  }
}

/** Returns what has come of the order in an earlier run; undefined when there was none, or when it may be placed again. */
async function earlierOutcome(replay: Replay, order: PlannedOrder): Promise<Final | undefined> {
  const earlier = await earlierOrders(replay, order)
  const standing = earlier.find(isStanding)
  if (standing)
    return hasContentOf(replay, standing, order)
      ? placedAs(replay, order, standing.id)
      : importedOtherwise(standing)
  for (const cancelled of earlier.filter(one => hasContentOf(replay, one, order))) {
    const lost = await lostOrder(replay, order, cancelled.id)
    if (lost?.status !== 'again') return lost ?? { status: 'placed', id: cancelled.id }
  }
  return undefined
}

async function registerCustomer({ web, source }: Replay, order: PlannedOrder): Promise<void> {
  const { sourceId, name, email } = order.customer
  const digest = createHash('sha256').update(`${name}\n${email}`).digest('hex').slice(0, 16)
  const idempotencyKey = `${source}:customer:${sourceId}:${digest}`.slice(0, 200)
  const input = { idempotencyKey, id: customerIdOf(source, order), name, email }
  const { registerCustomer } = await web.send<{ registerCustomer: CommandResult }>(REGISTER, { input })
  requireSound(registerCustomer)
}

function keyOf(name: string, keyNumber: number): string {
  return keyNumber === 1 ? name : `${name}:${keyNumber}`
}

function checkoutInput(
  { source, currency }: Replay,
  order: PlannedOrder,
  keyNumber: number,
): Readonly<Record<string, unknown>> {
  const { name, line2, region, postalCode, ...address } = order.address
  return {
    idempotencyKey: keyOf(`${source}:order:${order.sourceId}`, keyNumber),
    customerId: customerIdOf(source, order),
    reference: order.sourceId,
    lines: order.lines.map(line => ({
      sku: line.sku,
      quantity: line.quantity,
      agreedUnitPrice: moneyText(line.unitPriceMinor, currency),
    })),
    agreedShippingFee: moneyText(order.freightMinor, currency),
    adjustments: adjustments(order, currency),
    tenders: order.tenders.map(tender => ({
      kind: tender.kind,
      token: tokenFor(tender),
      amount: moneyText(tender.amountMinor, currency),
    })),
    expectedTotal: moneyText(order.totalMinor, currency),
    deliveryAddress: {
      name: name ?? order.customer.name,
      ...address,
      ...(line2 !== null && { line2 }),
      ...(region !== null && { region }),
      ...(postalCode !== null && { postalCode }),
    },
    deliveryInstructions: INSTRUCTIONS[order.outcome],
  }
}

function adjustments({ discountMinor, surplusMinor }: PlannedOrder, currency: string) {
  const parts = [
    { label: 'Discount', minor: -discountMinor },
    { label: surplusMinor > 0 ? 'Instalment interest' : 'Rounding', minor: surplusMinor },
  ]
  return parts
    .filter(({ minor }) => minor !== 0)
    .map(({ label, minor }) => ({ label, amount: moneyText(minor, currency) }))
}

function tokenFor(tender: PlannedOrder['tenders'][number]): string {
  switch (tender.kind) {
    case 'CARD':
      return 'tok_approve'
    case 'VOUCHER':
      return `vch_${tender.amountMinor}`
    case 'BANK_SLIP':
      return 'slip_import'
  }
}
