// Checks the input of orders' commands and converts it to domain types.
import { isStaff, type Viewer } from '#platform/auth/viewer.ts'
import { hasPostalCodes } from '#platform/domain/country.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'
import {
  checkCount,
  checkCountry,
  checkId,
  checkInt,
  checkMoney,
  checkOptionalText,
  checkSku,
  checkText,
  checkToken,
  malformed,
} from '#platform/subgraph/input.ts'
import type {
  AddressInput,
  PlaceOrderInput,
  RegisterCustomerInput,
  RequestReturnInput,
} from '#schema/generated/orders.ts'
import type { Address, Adjustment } from '#subgraphs/orders/domain/events.ts'
import { joinedBySku } from '#subgraphs/orders/domain/order.ts'
import type { OrderRequest, RequestedLine, RequestedTender } from '#subgraphs/orders/domain/pricing.ts'

const MAX_LINES = 100
const MAX_QUANTITY = 10_000
/** The longest that a command waits. */
const MAX_SETTLE_MS = 10_000

/** Throws CallerError: BAD_USER_INPUT that names the field, FORBIDDEN for what only staff may give. */
export function readPlacement(input: PlaceOrderInput, viewer: Viewer): OrderRequest {
  if (!isStaff(viewer)) refuseStaffFields(input, viewer)
  const { expectedTotal, agreedShippingFee } = input
  const instructions = checkOptionalText('deliveryInstructions', input.deliveryInstructions, 500)
  const reference = checkOptionalText('reference', input.reference, 100)
  return {
    customerId: customerOf(input, viewer),
    lines: checkCount('lines', input.lines, { min: 1, max: MAX_LINES }).map(readLine),
    tenders: readTenders(input.tenders),
    deliveryAddress: readAddress(input.deliveryAddress),
    shippingOption: input.shippingOption ?? 'STANDARD',
    adjustments: checkCount('adjustments', input.adjustments ?? [], { min: 0, max: 20 }).map(readAdjustment),
    ...(instructions !== undefined && { instructions }),
    ...(reference !== undefined && { reference }),
    ...(expectedTotal && { expectedTotal: checkMoney('expectedTotal', expectedTotal, 0) }),
    ...(agreedShippingFee && { agreedShippingFee: checkMoney('agreedShippingFee', agreedShippingFee, 0) }),
  }
}

export function readSettleWithin(ms: number | null | undefined): number {
  return checkInt('settleWithinMs', ms ?? 0, { min: 0, max: MAX_SETTLE_MS })
}

function refuseStaffFields(input: PlaceOrderInput, viewer: Viewer): void {
  const fields = [
    input.customerId != null && input.customerId !== viewer.subject && 'customerId',
    input.agreedShippingFee && 'agreedShippingFee',
    (input.adjustments ?? []).length > 0 && 'adjustments',
    input.lines.some(line => line.agreedUnitPrice) && 'lines.agreedUnitPrice',
  ].filter(field => typeof field === 'string')
  if (fields.length > 0)
    throw new CallerError(
      'FORBIDDEN',
      `${fields.join(', ')}: only staff may give this; a customer leaves it out`,
    )
}

function customerOf({ customerId }: PlaceOrderInput, viewer: Viewer): string {
  if (customerId != null) return checkId('customerId', 'customer', customerId)
  if (viewer.role !== 'customer') return malformed('customerId', 'the customer on whose behalf staff orders')
  return viewer.subject
}

function readLine(line: PlaceOrderInput['lines'][number], index: number): RequestedLine {
  const field = `lines[${index}]`
  const { agreedUnitPrice } = line
  return {
    sku: checkSku(`${field}.sku`, line.sku),
    quantity: checkInt(`${field}.quantity`, line.quantity, { min: 1, max: MAX_QUANTITY }),
    ...(agreedUnitPrice && {
      agreedUnitPrice: checkMoney(`${field}.agreedUnitPrice`, agreedUnitPrice, 0),
    }),
  }
}

function readTenders(given: PlaceOrderInput['tenders']): readonly RequestedTender[] {
  const tenders = checkCount('tenders', given ?? [], { min: 0, max: 20 }).map(
    ({ kind, token, amount }, index) => ({
      kind,
      token: checkToken(`tenders[${index}].token`, token),
      ...(amount && { amount: checkMoney(`tenders[${index}].amount`, amount, 1) }),
    }),
  )
  const open = tenders.filter(tender => !('amount' in tender)).length
  if (open > 1) malformed('tenders', 'given an amount each, but for one at most', open)
  return tenders
}

function readAddress(address: AddressInput): Address {
  const line2 = checkOptionalText('deliveryAddress.line2', address.line2, 200)
  const region = checkOptionalText('deliveryAddress.region', address.region, 100)
  const country = checkCountry('deliveryAddress.country', address.country)
  const postalCode = checkPostalCode('deliveryAddress.postalCode', address.postalCode, country)
  return {
    name: checkText('deliveryAddress.name', address.name, 200),
    line1: checkText('deliveryAddress.line1', address.line1, 200),
    ...(line2 !== undefined && { line2 }),
    city: checkText('deliveryAddress.city', address.city, 100),
    ...(region !== undefined && { region }),
    ...(postalCode !== undefined && { postalCode }),
    country,
  }
}

const POSTAL_CODE_LENGTH = 20

/** Undefined where the country has no postal codes, and none is given. */
function checkPostalCode(
  field: string,
  code: string | null | undefined,
  country: string,
): string | undefined {
  const given = checkOptionalText(field, code, POSTAL_CODE_LENGTH)
  if (given === undefined && hasPostalCodes(country))
    malformed(field, `1 to ${POSTAL_CODE_LENGTH} characters for an address in ${country}`, code ?? undefined)
  return given
}

function readAdjustment(
  { label, amount }: { readonly label: string; readonly amount: MoneyText },
  index: number,
): Adjustment {
  const field = `adjustments[${index}]`
  const money = checkMoney(`${field}.amount`, amount, Number.NEGATIVE_INFINITY)
  if (money.minor === 0) malformed(`${field}.amount`, 'more or less than 0', amount.amount)
  return { label: checkText(`${field}.label`, label, 100), amount: money }
}

const EMAIL = /^[^\s@<>"]+@[^\s@<>"]+$/

/** `id` is undefined when staff leaves it to us. Throws FORBIDDEN when a customer names another one. */
export function readCustomer(
  { id, name, email }: RegisterCustomerInput,
  viewer: Viewer,
): { id: string | undefined; name: string; email: string } {
  return {
    id: customerIdOf(id, viewer),
    name: checkText('name', name, 200),
    email: checkEmail('email', email),
  }
}

function customerIdOf(id: string | null | undefined, viewer: Viewer): string | undefined {
  if (viewer.role !== 'customer') return id ? checkId('id', 'customer', id) : undefined
  if (id && id !== viewer.subject)
    throw new CallerError('FORBIDDEN', 'id: only staff may give this; a customer registers itself')
  return checkId("the token's subject", 'customer', viewer.subject)
}

function checkEmail(field: string, email: string): string {
  const trimmed = checkText(field, email, 254)
  if (!EMAIL.test(trimmed)) malformed(field, 'an e-mail address', email)
  return trimmed
}

/** Lines of one SKU become one. */
export function readReturn({ orderId, lines, reason }: RequestReturnInput) {
  const units = checkCount('lines', lines, { min: 1, max: MAX_LINES }).map(({ sku, quantity }, index) => ({
    sku: checkSku(`lines[${index}].sku`, sku),
    quantity: checkInt(`lines[${index}].quantity`, quantity, { min: 1, max: MAX_QUANTITY }),
  }))
  return {
    orderId: checkId('orderId', 'order', orderId),
    lines: joinedBySku(units),
    reason: checkText('reason', reason, 500),
  }
}
