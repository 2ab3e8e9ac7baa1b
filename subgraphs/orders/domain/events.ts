// The events of an order: everything that can happen to it, as it is stored.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'

export type OrderStatus =
  | 'PLACED'
  | 'CONFIRMED'
  | 'PARTIALLY_SHIPPED'
  | 'SHIPPED'
  | 'DELIVERED'
  | 'COMPLETED'
  | 'CANCELLED'
  | 'RETURNED'
export type ShippingOption = 'STANDARD' | 'EXPRESS'
export type TenderKind = 'CARD' | 'VOUCHER' | 'BANK_SLIP'
export type CancellationReason =
  | 'CUSTOMER_REQUEST'
  | 'OUT_OF_STOCK'
  | 'PAYMENT_DECLINED'
  | 'PAYMENT_UNAVAILABLE'
  | 'APPROVAL_TIMED_OUT'
  | 'STOCK_HOLD_EXPIRED'
  | 'CARRIER_REFUSED'

export type Address = {
  readonly name: string
  readonly line1: string
  readonly line2?: string
  readonly city: string
  readonly region?: string
  /** Missing where the country has none, and none was given. */
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

/** What a request says of an order and the order keeps as it is. */
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
  readonly placedAt: string
}

/** Who owes it: the customer for goods that left without payment, the shop for a refund that was refused. */
export type Debtor = 'CUSTOMER' | 'SHOP'

/** How a debt ended: the money moved after all, an operator wrote it off, or its goods were lost, so nobody owes it. */
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

/** Which order, whose, and when. */
type Noted = { readonly orderId: string; readonly customerId: string; readonly at: string }
/** The order's status before and after the event, so that a count by status needs nothing but the event. */
type Moved = Noted & { readonly from: OrderStatus; readonly to: OrderStatus }
type OfReturn = { readonly returnId: string }
type ReturnContents = OfReturn & { readonly lines: readonly SkuQuantity[]; readonly refund: Money }

export type OrderEvent =
  | { readonly type: 'OrderPlaced'; readonly data: OrderPlaced }
  | { readonly type: 'PaymentApprovalAwaited'; readonly data: Noted }
  | { readonly type: 'OrderConfirmed'; readonly data: Moved }
  | { readonly type: 'CancellationRequested'; readonly data: Noted }
  | { readonly type: 'CancellationRejected'; readonly data: Noted & { readonly message: string } }
  | {
      readonly type: 'OrderCancelled'
      readonly data: Moved & {
        readonly reason: CancellationReason
        readonly message: string
        readonly details: JsonObject
        readonly total: Money
      }
    }
  | {
      readonly type: 'OrderShipped'
      /** `units` is missing in events of older builds. */
      readonly data: Moved & {
        readonly shipmentId: string
        readonly lines: readonly SkuQuantity[]
        readonly units?: readonly UnitRange[]
      }
    }
  | {
      readonly type: 'OrderShipmentLost'
      readonly data: Noted & { readonly shipmentId: string; readonly lines: readonly SkuQuantity[] }
    }
  | {
      readonly type: 'LossRefunded'
      readonly data: Noted & { readonly shipmentId: string; readonly refund: Money }
    }
  | {
      /** Goods that were lost or came back unpaid were paid for later: what that makes owed has gone back. */
      readonly type: 'OrderRefunded'
      readonly data: Noted & { readonly refundId: string; readonly refund: Money }
    }
  | { readonly type: 'OrderDelivered'; readonly data: Moved & { readonly shipmentId: string } }
  | { readonly type: 'OrderCompleted'; readonly data: Moved }
  | { readonly type: 'ReturnRequested'; readonly data: Noted & ReturnContents & { readonly reason: string } }
  | { readonly type: 'ReturnReceived'; readonly data: Moved & ReturnContents }
  | { readonly type: 'ReturnRejected'; readonly data: Noted & OfReturn }
  | { readonly type: 'ReturnRefunded'; readonly data: Noted & OfReturn & { readonly refund: Money } }
  | {
      readonly type: 'DebtRecorded'
      readonly data: Noted & Pick<Debt, 'debtId' | 'owedBy' | 'amount' | 'code'>
    }
  | {
      readonly type: 'DebtResolved'
      readonly data: Noted &
        Pick<Debt, 'debtId' | 'owedBy' | 'amount'> & { readonly resolution: DebtResolution }
    }

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
