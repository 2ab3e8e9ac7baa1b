// Provides sample values for the shipment tests.
import type { Notice, ShipmentEvent, ShipmentRequest } from '#subgraphs/shipping/domain/shipment.ts'

export const SHIPMENT_ID = 'shp_0190a5b2-0000-7000-8000-000000000001'
const ORDER_ID = 'ord_0190a5b2-0000-7000-8000-000000000002'
export const CUSTOMER_ID = 'cus_0190a5b2-0000-7000-8000-000000000003'

/** The minute of one fixed hour, so that times sort by their number. */
export const minute = (n: number): string => new Date(Date.UTC(2026, 0, 31, 12, n)).toISOString()

export const of = (n: number) => ({
  shipmentId: SHIPMENT_ID,
  orderId: ORDER_ID,
  customerId: CUSTOMER_ID,
  at: minute(n),
})

export const aRequest: ShipmentRequest = {
  ...of(0),
  warehouse: 'BER',
  option: 'STANDARD',
  lines: [{ sku: 'MUG-1', quantity: 2 }],
  weightGrams: 800,
  address: {
    ...{ name: 'Ada Lovelace', line1: 'Hauptstr. 1', line2: null, city: 'Berlin', region: null },
    ...{ postalCode: '10115', country: 'DE' },
  },
  instructions: null,
}

export const LABEL = { trackingNumber: 'SB001', estimatedDelivery: minute(50) }

export const requested: ShipmentEvent = { type: 'ShipmentRequested', data: aRequest }
export const labelled: ShipmentEvent = { type: 'ShipmentLabelled', data: { ...of(1), ...LABEL } }
export const cancelled: ShipmentEvent = { type: 'ShipmentCancelled', data: of(2) }
export const dispatched: ShipmentEvent = {
  type: 'ShipmentDispatched',
  data: { ...of(2), text: 'Collected by the carrier' },
}

export const tracked = (n: number, status: 'IN_TRANSIT' | 'OUT_FOR_DELIVERY'): ShipmentEvent => ({
  type: 'ShipmentTracked',
  data: { ...of(n), status, text: status },
})
export const delivered = (n: number): ShipmentEvent => ({
  type: 'ShipmentDelivered',
  data: { ...of(n), text: 'DELIVERED' },
})
export const lost = (n: number): ShipmentEvent => ({
  type: 'ShipmentLost',
  data: { ...of(n), text: 'LOST' },
})

export const notice = (n: number, status: Notice['status']): Notice => ({
  status,
  text: status === 'DISPATCHED' ? 'Collected by the carrier' : status,
  at: minute(n),
  label: LABEL,
})
