// Makes and checks identifiers: a prefix that names the kind, and a UUIDv7, so that ids sort by time (ord_0190a5b2-…).
import { newUuid } from '#platform/domain/uuid.ts'

export const ID_PREFIXES = {
  order: 'ord',
  customer: 'cus',
  payment: 'pay',
  tender: 'tnd',
  capture: 'cap',
  refund: 'ref',
  shipment: 'shp',
  return: 'ret',
  void: 'voi',
} as const
export type IdKind = keyof typeof ID_PREFIXES

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const PATTERNS = Object.fromEntries(
  Object.entries(ID_PREFIXES).map(([kind, prefix]) => [kind, new RegExp(`^${prefix}_${UUID}$`)]),
) as Readonly<Record<IdKind, RegExp>>

/** A fresh id of `kind`: its prefix, an underscore and a UUIDv7. */
export function newId(kind: IdKind): string {
  return `${ID_PREFIXES[kind]}_${newUuid()}`
}

export function isId(kind: IdKind, value: string): boolean {
  return PATTERNS[kind].test(value)
}

/** The id of `kind` that shares its UUID with `id`: an order's one payment is `siblingId('payment', orderId)`. */
export function siblingId(kind: IdKind, id: string): string {
  return `${ID_PREFIXES[kind]}_${id.slice(id.indexOf('_') + 1)}`
}
