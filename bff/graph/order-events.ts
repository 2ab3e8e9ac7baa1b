// The events about an order, as the BFFs' graphs name them.

/** Each event of the services that is about an order, by the name of its value in the enum OrderEventType. */
const TYPES = {
  OrderPlaced: 'ORDER_PLACED',
  PaymentApprovalAwaited: 'PAYMENT_APPROVAL_AWAITED',
  OrderConfirmed: 'ORDER_CONFIRMED',
  CancellationRequested: 'CANCELLATION_REQUESTED',
  CancellationRejected: 'CANCELLATION_REJECTED',
  OrderCancelled: 'ORDER_CANCELLED',
  OrderShipped: 'ORDER_SHIPPED',
  OrderShipmentLost: 'ORDER_SHIPMENT_LOST',
  LossRefunded: 'LOSS_REFUNDED',
  OrderRefunded: 'ORDER_REFUNDED',
  OrderDelivered: 'ORDER_DELIVERED',
  OrderCompleted: 'ORDER_COMPLETED',
  ReturnRequested: 'RETURN_REQUESTED',
  ReturnReceived: 'RETURN_RECEIVED',
  ReturnRejected: 'RETURN_REJECTED',
  ReturnRefunded: 'RETURN_REFUNDED',
  DebtRecorded: 'DEBT_RECORDED',
  DebtResolved: 'DEBT_RESOLVED',
  StockReserved: 'STOCK_RESERVED',
  ReservationCommitted: 'RESERVATION_COMMITTED',
  ReservationReleased: 'RESERVATION_RELEASED',
  ReservationExpired: 'RESERVATION_EXPIRED',
  StockShipped: 'STOCK_SHIPPED',
  StockRestocked: 'STOCK_RESTOCKED',
  PaymentRequested: 'PAYMENT_REQUESTED',
  TenderAuthorised: 'TENDER_AUTHORISED',
  TenderApprovalAwaited: 'TENDER_APPROVAL_AWAITED',
  TenderDeclined: 'TENDER_DECLINED',
  PaymentAuthorised: 'PAYMENT_AUTHORISED',
  PaymentDeclined: 'PAYMENT_DECLINED',
  CaptureRequested: 'CAPTURE_REQUESTED',
  TenderCaptured: 'TENDER_CAPTURED',
  PaymentCaptured: 'PAYMENT_CAPTURED',
  CaptureDeclined: 'CAPTURE_DECLINED',
  RefundRequested: 'REFUND_REQUESTED',
  TenderRefunded: 'TENDER_REFUNDED',
  PaymentRefunded: 'PAYMENT_REFUNDED',
  RefundDeclined: 'REFUND_DECLINED',
  VoidRequested: 'VOID_REQUESTED',
  TenderVoided: 'TENDER_VOIDED',
  PaymentVoided: 'PAYMENT_VOIDED',
  PaymentForestalled: 'PAYMENT_FORESTALLED',
  TenderApprovedLate: 'TENDER_APPROVED_LATE',
  LateApprovalVoided: 'LATE_APPROVAL_VOIDED',
  ReauthorisationRequested: 'REAUTHORISATION_REQUESTED',
  MovementRefused: 'MOVEMENT_REFUSED',
  MovementRetried: 'MOVEMENT_RETRIED',
  MovementSettled: 'MOVEMENT_SETTLED',
  MovementWrittenOff: 'MOVEMENT_WRITTEN_OFF',
  MovementDropped: 'MOVEMENT_DROPPED',
  ShipmentRequested: 'SHIPMENT_REQUESTED',
  ShipmentLabelled: 'SHIPMENT_LABELLED',
  ShipmentRefused: 'SHIPMENT_REFUSED',
  ShipmentCancelled: 'SHIPMENT_CANCELLED',
  ShipmentDispatched: 'SHIPMENT_DISPATCHED',
  ShipmentTracked: 'SHIPMENT_TRACKED',
  ShipmentDelivered: 'SHIPMENT_DELIVERED',
  ShipmentLost: 'SHIPMENT_LOST',
} as const
type OrderEventType = (typeof TYPES)[keyof typeof TYPES] | 'OTHER'

/** Returns OTHER for an event of a service that is newer than this BFF. */
export function eventType(name: string): OrderEventType {
  return isKnown(name) ? TYPES[name] : 'OTHER'
}

function isKnown(name: string): name is keyof typeof TYPES {
  return Object.hasOwn(TYPES, name)
}

const SOURCES = {
  orders: 'ORDERS',
  inventory: 'INVENTORY',
  payment: 'PAYMENT',
  shipping: 'SHIPPING',
} as const
type EventSource = (typeof SOURCES)[keyof typeof SOURCES]

/** Throws RangeError for a name that is no service's. */
export function eventSource(service: string): EventSource {
  if (service === 'orders' || service === 'inventory' || service === 'payment' || service === 'shipping')
    return SOURCES[service]
  throw new RangeError(`${service} is no service that records events about orders`)
}
