// Reads the GraphQL operations that orders sends to other services from operations/*.graphql.
import { readFileSync } from 'node:fs'

function read(name: string): string {
  return readFileSync(new URL(`./operations/${name}.graphql`, import.meta.url), 'utf8')
}

/** Pairs each operation's document with the subgraph that executes it. */
export const OPERATIONS = {
  products: { service: 'inventory', document: read('products') },
  reserveStock: { service: 'inventory', document: read('reserve-stock') },
  commitReservation: { service: 'inventory', document: read('commit-reservation') },
  releaseReservation: { service: 'inventory', document: read('release-reservation') },
  shipStock: { service: 'inventory', document: read('ship-stock') },
  restock: { service: 'inventory', document: read('restock') },
  authorisePayment: { service: 'payment', document: read('authorise-payment') },
  capturePayment: { service: 'payment', document: read('capture-payment') },
  voidPayment: { service: 'payment', document: read('void-payment') },
  refundPayment: { service: 'payment', document: read('refund-payment') },
  quoteShipping: { service: 'shipping', document: read('quote-shipping') },
  createShipment: { service: 'shipping', document: read('create-shipment') },
  cancelShipment: { service: 'shipping', document: read('cancel-shipment') },
} as const
