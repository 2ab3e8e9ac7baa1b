// Derives what a screen says of an order from what the gateway gives of it: short texts in the user's language, and sums.
import { joinParts, type Localization, remarkTexts, statusText } from '#bff-mobile/views/localization.ts'
import { factsOf, orderProgress } from '#bff-mobile/views/order-progress.ts'
import type { OrderData, ShipmentData } from '#bff-mobile/views/order-source.ts'
import { fromDecimal, toDecimal } from '#platform/domain/money.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'
import type { Tone } from '#schema/generated/bff-mobile.ts'
import type { OrderPartsFragment } from '#schema/generated/bff-mobile-operations.ts'

/** Returns the first product, and how many more. */
export function titleOf(
  { lines }: Pick<OrderPartsFragment, 'lines'>,
  { translations }: Localization,
): string {
  const [first, ...others] = lines
  if (!first) return ''
  return others.length === 0 ? first.title : translations.more(first.title, others.length)
}

export function toneOf(order: OrderPartsFragment): Tone {
  return orderProgress(factsOf(order)).tone
}

export function statusOf(order: OrderPartsFragment, localization: Localization): string {
  return statusText(localization, orderProgress(factsOf(order)), order.refunded)
}

type Shown = { readonly localization: Localization; readonly timeZone: string }

/**
 * Returns why the order was cancelled, when it is expected, or which stage it is in, followed by the remarks. Throws
 * CallerError BAD_USER_INPUT for an unknown time zone.
 */
export function headlineOf(
  order: OrderPartsFragment,
  shipments: readonly ShipmentData[],
  { localization, timeZone }: Shown,
): string {
  const progress = orderProgress(factsOf(order))
  const { translations } = localization
  const expected = shipments
    .flatMap(shipment => expectedAt(shipment) ?? [])
    .sort()
    .at(-1)
  const stage = () =>
    expected === undefined
      ? translations.order[progress.stage]
      : translations.expected(localization.date(expected, timeZone))
  const first = order.cancellation ? translations.cancelled[order.cancellation.reason] : stage()
  return joinParts([first, ...remarkTexts(localization, progress, order.refunded)])
}

/** Returns what was taken, less what was given back. */
export function paidOf(payments: NonNullable<OrderData['payments']>, { currency }: MoneyText): MoneyText {
  const minor = ({ amount }: MoneyText) => fromDecimal(amount, currency).minor
  const kept = payments.reduce((sum, { captured, refunded }) => sum + minor(captured) - minor(refunded), 0)
  return { amount: toDecimal({ minor: kept, currency }), currency }
}

const STILL_COMING: ReadonlySet<ShipmentData['status']> = new Set([
  'REQUESTED',
  'LABELLED',
  'DISPATCHED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
])

/** Returns null for a parcel that has arrived, is lost, or was never sent. */
export function expectedAt({ estimatedDelivery, status }: ShipmentData): string | null {
  return STILL_COMING.has(status) ? estimatedDelivery : null
}
