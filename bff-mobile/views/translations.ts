// The translations of the mobile screens' texts: English, German and Portuguese.
import type { Remark, Stage } from '#bff-mobile/views/order-progress.ts'
import type { OrderSection } from '#schema/generated/bff-mobile.ts'
import type {
  Availability,
  CancellationReason,
  ReturnStatus,
  ShipmentStatus,
} from '#schema/generated/bff-mobile-operations.ts'

export type Translations = {
  readonly order: Readonly<Record<Stage, string>>
  /** Follows the order's stage; `refunded` is the amount that was given back. */
  readonly remark: Readonly<Record<Remark, (refunded: string) => string>>
  readonly shipment: Readonly<Record<ShipmentStatus, string>>
  readonly return: Readonly<Record<ReturnStatus, string>>
  /** Why an order was cancelled. */
  readonly cancelled: Readonly<Record<CancellationReason, string>>
  /** Which section of a screen is missing for the moment. */
  readonly notice: Readonly<Record<OrderSection, string>>
  readonly more: (title: string, count: number) => string
  readonly expected: (date: string) => string
  readonly availability: Readonly<Record<Availability, string>>
}

export const ENGLISH: Translations = {
  order: {
    APPROVAL: 'Waiting for your payment',
    PLACED: 'Being confirmed',
    CONFIRMED: 'Confirmed',
    PARTLY_ON_ITS_WAY: 'Partly on its way',
    ON_ITS_WAY: 'On its way',
    PARTLY_DELIVERED: 'Partly delivered',
    DELIVERED: 'Delivered',
    RETURNED: 'Returned',
    LOST: 'Lost on its way',
    CANCELLED: 'Cancelled',
  },
  remark: {
    PARTLY_LOST: () => 'part of it was lost',
    REST_CANCELLED: () => 'the rest was cancelled',
    PARTLY_RETURNED: () => 'partly returned',
    REFUNDED: refunded => `${refunded} refunded`,
    REFUND_OWED: () => 'a refund is outstanding',
    PAYMENT_OWED: () => 'a payment is outstanding',
  },
  shipment: {
    REQUESTED: 'Being packed',
    LABELLED: 'Ready to go',
    REFUSED: 'Not accepted by the carrier',
    CANCELLED: 'Cancelled',
    DISPATCHED: 'Handed to the carrier',
    IN_TRANSIT: 'On its way',
    OUT_FOR_DELIVERY: 'Arriving today',
    DELIVERED: 'Delivered',
    LOST: 'Lost',
  },
  return: {
    REQUESTED: 'Asked for',
    RECEIVED: 'Back with us',
    REFUNDED: 'Refunded',
    REJECTED: 'Not accepted',
  },
  cancelled: {
    CUSTOMER_REQUEST: 'Cancelled as you asked',
    OUT_OF_STOCK: 'Cancelled: sold out',
    PAYMENT_DECLINED: 'Cancelled: your payment was declined',
    PAYMENT_UNAVAILABLE: 'Cancelled: the payment could not be made',
    APPROVAL_TIMED_OUT: 'Cancelled: the payment was not approved in time',
    STOCK_HOLD_EXPIRED: 'Cancelled: we could not hold the goods any longer',
    CARRIER_REFUSED: 'Cancelled: the carrier does not take it',
  },
  notice: {
    PRODUCTS: 'The products cannot be shown at the moment.',
    PAYMENTS: 'The payment cannot be shown at the moment.',
    SHIPMENTS: 'The parcels cannot be shown at the moment.',
  },
  more: (title, count) => `${title} and ${count} more`,
  expected: date => `Expected ${date}`,
  availability: { IN_STOCK: 'In stock', LOW_STOCK: 'Only a few left', OUT_OF_STOCK: 'Sold out' },
}

export const GERMAN: Translations = {
  order: {
    APPROVAL: 'Wartet auf Ihre Zahlung',
    PLACED: 'Wird bestätigt',
    CONFIRMED: 'Bestätigt',
    PARTLY_ON_ITS_WAY: 'Teilweise unterwegs',
    ON_ITS_WAY: 'Unterwegs',
    PARTLY_DELIVERED: 'Teilweise zugestellt',
    DELIVERED: 'Zugestellt',
    RETURNED: 'Zurückgeschickt',
    LOST: 'Verloren gegangen',
    CANCELLED: 'Storniert',
  },
  remark: {
    PARTLY_LOST: () => 'ein Teil ging verloren',
    REST_CANCELLED: () => 'der Rest wurde storniert',
    PARTLY_RETURNED: () => 'teilweise zurückgeschickt',
    REFUNDED: refunded => `${refunded} erstattet`,
    REFUND_OWED: () => 'eine Erstattung steht aus',
    PAYMENT_OWED: () => 'eine Zahlung steht aus',
  },
  shipment: {
    REQUESTED: 'Wird gepackt',
    LABELLED: 'Versandbereit',
    REFUSED: 'Vom Versender abgelehnt',
    CANCELLED: 'Storniert',
    DISPATCHED: 'An den Versender übergeben',
    IN_TRANSIT: 'Unterwegs',
    OUT_FOR_DELIVERY: 'Kommt heute',
    DELIVERED: 'Zugestellt',
    LOST: 'Verloren gegangen',
  },
  return: {
    REQUESTED: 'Angemeldet',
    RECEIVED: 'Bei uns eingetroffen',
    REFUNDED: 'Erstattet',
    REJECTED: 'Nicht angenommen',
  },
  cancelled: {
    CUSTOMER_REQUEST: 'Auf Ihren Wunsch storniert',
    OUT_OF_STOCK: 'Storniert: ausverkauft',
    PAYMENT_DECLINED: 'Storniert: Ihre Zahlung wurde abgelehnt',
    PAYMENT_UNAVAILABLE: 'Storniert: Die Zahlung war nicht möglich',
    APPROVAL_TIMED_OUT: 'Storniert: Die Zahlung wurde nicht rechtzeitig freigegeben',
    STOCK_HOLD_EXPIRED: 'Storniert: Wir konnten die Ware nicht länger zurücklegen',
    CARRIER_REFUSED: 'Storniert: Der Versender nimmt die Sendung nicht an',
  },
  notice: {
    PRODUCTS: 'Die Artikel können gerade nicht angezeigt werden.',
    PAYMENTS: 'Die Zahlung kann gerade nicht angezeigt werden.',
    SHIPMENTS: 'Die Pakete können gerade nicht angezeigt werden.',
  },
  more: (title, count) => `${title} und ${count} weitere`,
  expected: date => `Erwartet am ${date}`,
  availability: { IN_STOCK: 'Auf Lager', LOW_STOCK: 'Nur noch wenige', OUT_OF_STOCK: 'Ausverkauft' },
}

export const PORTUGUESE: Translations = {
  order: {
    APPROVAL: 'Aguardando o seu pagamento',
    PLACED: 'Em confirmação',
    CONFIRMED: 'Confirmado',
    PARTLY_ON_ITS_WAY: 'Parcialmente a caminho',
    ON_ITS_WAY: 'A caminho',
    PARTLY_DELIVERED: 'Parcialmente entregue',
    DELIVERED: 'Entregue',
    RETURNED: 'Devolvido',
    LOST: 'Extraviado',
    CANCELLED: 'Cancelado',
  },
  remark: {
    PARTLY_LOST: () => 'uma parte foi extraviada',
    REST_CANCELLED: () => 'o restante foi cancelado',
    PARTLY_RETURNED: () => 'parcialmente devolvido',
    REFUNDED: refunded => `${refunded} reembolsados`,
    REFUND_OWED: () => 'há um reembolso pendente',
    PAYMENT_OWED: () => 'há um pagamento pendente',
  },
  shipment: {
    REQUESTED: 'Em preparação',
    LABELLED: 'Pronto para envio',
    REFUSED: 'Recusado pela transportadora',
    CANCELLED: 'Cancelado',
    DISPATCHED: 'Entregue à transportadora',
    IN_TRANSIT: 'A caminho',
    OUT_FOR_DELIVERY: 'Chega hoje',
    DELIVERED: 'Entregue',
    LOST: 'Extraviado',
  },
  return: {
    REQUESTED: 'Solicitada',
    RECEIVED: 'Recebida por nós',
    REFUNDED: 'Reembolsada',
    REJECTED: 'Não aceita',
  },
  cancelled: {
    CUSTOMER_REQUEST: 'Cancelado a seu pedido',
    OUT_OF_STOCK: 'Cancelado: esgotado',
    PAYMENT_DECLINED: 'Cancelado: o seu pagamento foi recusado',
    PAYMENT_UNAVAILABLE: 'Cancelado: não foi possível fazer o pagamento',
    APPROVAL_TIMED_OUT: 'Cancelado: o pagamento não foi aprovado a tempo',
    STOCK_HOLD_EXPIRED: 'Cancelado: não pudemos reservar os produtos por mais tempo',
    CARRIER_REFUSED: 'Cancelado: a transportadora não aceita o envio',
  },
  notice: {
    PRODUCTS: 'Os produtos não podem ser exibidos no momento.',
    PAYMENTS: 'O pagamento não pode ser exibido no momento.',
    SHIPMENTS: 'As encomendas não podem ser exibidas no momento.',
  },
  more: (title, count) => `${title} e mais ${count}`,
  expected: date => `Previsto para ${date}`,
  availability: { IN_STOCK: 'Em estoque', LOW_STOCK: 'Últimas unidades', OUT_OF_STOCK: 'Esgotado' },
}
