// Replays a plan through the web BFF: products with stock, then each order as a client would place, and cancel, it.
import { toDecimal } from '#platform/domain/money.ts'
import { CURRENCY, type PlannedOrder, type PlannedProduct } from '#tools/import/olist.ts'
import type { Progress } from '#tools/import/progress.ts'
import { inParallel, type WebClient } from '#tools/import/web-client.ts'

const ADD_PRODUCT = `mutation ImportProduct($input: AddProductInput!) {
  addProduct(input: $input) { __typename ... on Refusal { code message } }
}`
const REGISTER = `mutation ImportCustomer($input: RegisterCustomerInput!) {
  registerCustomer(input: $input) { id }
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

/** Sandbox carrier scenarios: how far a parcel goes on its own. */
const INSTRUCTIONS: Readonly<Record<PlannedOrder['fate'], string>> = {
  delivered: 'SANDBOX_FAST',
  shipped: 'SANDBOX_FAST SANDBOX_STOP_AFTER_DISPATCH',
  held: 'SANDBOX_HOLD',
  cancelled: 'SANDBOX_HOLD',
}

/** What the platform answered: the order's id, or why there is none. */
export type Placement = { readonly order: PlannedOrder; readonly id?: string; readonly refusal?: string }

type CheckoutAnswer = {
  readonly checkout: {
    readonly order?: { readonly id: string }
    readonly cancelledOrder?: { readonly id: string } | null
    readonly code?: string
    readonly message?: string
  }
}

function money(minor: number): { amount: string; currency: string } {
  return { amount: toDecimal({ minor, currency: CURRENCY }), currency: CURRENCY }
}

/** Adds the products; one that stands there from an earlier run is left as it is. Returns refusals by SKU. */
export async function addProducts(
  web: WebClient,
  products: readonly PlannedProduct[],
  width: number,
  progress: Progress,
): Promise<string[]> {
  const refusals: string[] = []
  await inParallel(products, width, async ({ priceMinor, ...product }) => {
    const input = { idempotencyKey: `olist:product:${product.sku}`, ...product, price: money(priceMinor) }
    const { addProduct } = await web.send<{ addProduct: { code?: string; message?: string } }>(ADD_PRODUCT, {
      input,
    })
    if (addProduct.code) refusals.push(`product ${product.sku}: ${addProduct.code} ${addProduct.message}`)
    progress.step()
  })
  return refusals
}

/** Places the orders in their order, `width` at a time, and cancels those that their customers cancelled. */
export async function replayOrders(
  web: WebClient,
  orders: readonly PlannedOrder[],
  width: number,
  progress: Progress,
): Promise<Placement[]> {
  const placements: Placement[] = []
  await inParallel(orders, width, async order => {
    placements.push(
      await replayOrder(web, order).catch((error: Error) => ({ order, refusal: error.message })),
    )
    progress.step()
  })
  return placements
}

async function replayOrder(web: WebClient, order: PlannedOrder): Promise<Placement> {
  await web.send(REGISTER, {
    input: { idempotencyKey: `olist:customer:${order.customer.id}`, ...order.customer },
  })
  const { checkout } = await web.send<CheckoutAnswer>(CHECKOUT, { input: checkoutInput(order) })
  const id = checkout.order?.id ?? checkout.cancelledOrder?.id
  if (!id || checkout.code)
    return { order, ...(id && { id }), refusal: `${checkout.code} ${checkout.message}` }
  if (order.fate === 'cancelled')
    await web.send(CANCEL, { input: { idempotencyKey: `olist:cancel:${order.sourceId}`, orderId: id } })
  return { order, id }
}

function checkoutInput(order: PlannedOrder): Readonly<Record<string, unknown>> {
  return {
    idempotencyKey: `olist:order:${order.sourceId}`,
    customerId: order.customer.id,
    reference: order.sourceId,
    lines: order.lines.map(line => ({
      sku: line.sku,
      quantity: line.quantity,
      agreedUnitPrice: money(line.unitPriceMinor),
    })),
    agreedShippingFee: money(order.freightMinor),
    adjustments: adjustments(order.adjustmentMinor),
    tenders: order.tenders.map(tender => ({
      kind: tender.kind,
      token: tokenFor(tender),
      amount: money(tender.amountMinor),
    })),
    expectedTotal: money(order.totalMinor),
    deliveryAddress: {
      name: order.customer.name,
      line1: 'Street not published',
      ...order.address,
      country: 'BR',
    },
    deliveryInstructions: INSTRUCTIONS[order.fate],
  }
}

function adjustments(minor: number): { label: string; amount: { amount: string; currency: string } }[] {
  if (minor === 0) return []
  return [{ label: minor > 0 ? 'Instalment interest' : 'Rounding', amount: money(minor) }]
}

function tokenFor(tender: PlannedOrder['tenders'][number]): string {
  switch (tender.kind) {
    case 'CARD':
      return 'tok_approve'
    case 'VOUCHER':
      return `vch_${tender.amountMinor}`
    case 'BANK_SLIP':
      return 'slip_olist'
  }
}
