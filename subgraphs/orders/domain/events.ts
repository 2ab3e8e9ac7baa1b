// Defines the events of an order as they are stored.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type { EventsOf } from '#platform/event-store/aggregate.ts'

export const ORDER_STATUSES = [
  'PLACED',
  'CONFIRMED',
  'PARTIALLY_SHIPPED',
  'SHIPPED',
  'DELIVERED',
  'COMPLETED',
  'CANCELLED',
  'RETURNED',
] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]
export type ShippingOption = 'STANDARD' | 'EXPRESS'
export type TenderKind = 'CARD' | 'VOUCHER' | 'BANK_SLIP'
export const CANCELLATION_REASONS = [
  'CUSTOMER_REQUEST',
  'OUT_OF_STOCK',
  'PAYMENT_DECLINED',
  'PAYMENT_UNAVAILABLE',
  'APPROVAL_TIMED_OUT',
  'STOCK_HOLD_EXPIRED',
  'CARRIER_REFUSED',
] as const
export type CancellationReason = (typeof CANCELLATION_REASONS)[number]

export type Address = {
  readonly name: string
  readonly line1: string
  readonly line2?: string
  readonly city: string
  readonly region?: string
  /** Missing when the country has no postal codes and the customer gave none. */
  readonly postalCode?: string
  readonly country: string
}
export type OrderedLine = {
  readonly lineNo: number
  readonly sku: string
  readonly title: string
  readonly quantity: number
  readonly unitPrice: Money
  readonly weightGrams: number
}
export type SkuQuantity = { readonly sku: string; readonly quantity: number }
/** Units of one line, counted from 0: `from` is the first, `to` is past the last. */
export type UnitRange = { readonly lineNo: number; readonly from: number; readonly to: number }
export type Adjustment = { readonly label: string; readonly amount: Money }
export type Tender = { readonly kind: TenderKind; readonly token: string; readonly amount: Money }

/** The parts of a request that the order keeps unchanged. */
export type OrderDetails = {
  readonly reference?: string
  readonly adjustments: readonly Adjustment[]
  readonly deliveryAddress: Address
  readonly shippingOption: ShippingOption
  readonly instructions?: string
}

/** `total` = `itemsTotal` + `shippingFee` + `adjustments` = the sum of `tenders`. One SKU may stand in lines of several prices. */
export type OrderPlaced = OrderDetails & {
  readonly orderId: string
  readonly number: string
  readonly customer: { readonly id: string; readonly name: string; readonly email: string }
  readonly lines: readonly OrderedLine[]
  readonly itemsTotal: Money
  readonly shippingFee: Money
  readonly total: Money
  readonly tenders: readonly Tender[]
  /** True when so much was available that the payment need not wait for the hold; missing in orders of older builds. */
  readonly ampleStock?: boolean
  readonly placedAt: string
}

/** The customer owes for goods that left without payment, the shop for a refund that was refused. */
export type Debtor = 'CUSTOMER' | 'SHOP'

/** A debt ends when the money moves after all, when an operator writes it off, or when its goods are lost. */
export type DebtResolution = 'PAID' | 'WRITTEN_OFF' | 'DROPPED'

export type Debt = {
  /** The id of payment's refused movement, by which an operator settles it. */
  readonly debtId: string
  readonly owedBy: Debtor
  readonly amount: Money
  /** The provider's reason, such as `card_expired`. */
  readonly code: string
  readonly since: string
  readonly resolution?: DebtResolution
  readonly resolvedAt?: string
}

/** The fields that every event of an order has. */
type OrderFact = { readonly orderId: string; readonly customerId: string; readonly at: string }
/** Adds the order's status before and after the event, so that a count by status needs only the event. */
type StatusChange = OrderFact & { readonly from: OrderStatus; readonly to: OrderStatus }
type OfShipment = { readonly shipmentId: string }
type ShipmentContents = OfShipment & { readonly lines: readonly SkuQuantity[] }
type OfReturn = { readonly returnId: string }
type ReturnContents = OfReturn & { readonly lines: readonly SkuQuantity[]; readonly refund: Money }
type Refunded = { readonly refund: Money }

export type OrderEvent = EventsOf<{
  OrderPlaced: OrderPlaced
  PaymentApprovalAwaited: OrderFact
  OrderConfirmed: StatusChange
  CancellationRequested: OrderFact
  CancellationRejected: OrderFact & { readonly message: string }
  OrderCancelled: StatusChange & {
    readonly reason: CancellationReason
    readonly message: string
    readonly details: JsonObject
    readonly total: Money
  }
  /** `units` is missing in events of older builds. */
  OrderShipped: StatusChange & ShipmentContents & { readonly units?: readonly UnitRange[] }
  OrderShipmentLost: OrderFact & ShipmentContents
  LossRefunded: OrderFact & OfShipment & Refunded
  /** Money was refunded that was captured after its goods were lost or returned. */
  OrderRefunded: OrderFact & Refunded & { readonly refundId: string }
  OrderDelivered: StatusChange & OfShipment
  OrderCompleted: StatusChange
  ReturnRequested: OrderFact & ReturnContents & { readonly reason: string }
  ReturnReceived: StatusChange & ReturnContents
  ReturnRejected: OrderFact & OfReturn
  ReturnRefunded: OrderFact & OfReturn & Refunded
  DebtRecorded: OrderFact & Pick<Debt, 'debtId' | 'owedBy' | 'amount' | 'code'>
  DebtResolved: OrderFact &
    Pick<Debt, 'debtId' | 'owedBy' | 'amount'> & { readonly resolution: DebtResolution }
}>

/** Each event type once; the mapping makes the type check find a missing one. */
const TYPES: Readonly<Record<OrderEvent['type'], true>> = {
  OrderPlaced: true,
  PaymentApprovalAwaited: true,
  OrderConfirmed: true,
  CancellationRequested: true,
  CancellationRejected: true,
  OrderCancelled: true,
  OrderShipped: true,
  OrderShipmentLost: true,
  LossRefunded: true,
  OrderRefunded: true,
  OrderDelivered: true,
  OrderCompleted: true,
  ReturnRequested: true,
  ReturnReceived: true,
  ReturnRejected: true,
  ReturnRefunded: true,
  DebtRecorded: true,
  DebtResolved: true,
}
export const ORDER_EVENT_TYPES = Object.keys(TYPES) as readonly OrderEvent['type'][]
