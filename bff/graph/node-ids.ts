// The ids of the BFFs' graphs: each says by its prefix which type it is of, and no two things share one.
import { ID_PREFIXES, type IdKind, isId, siblingId } from '#platform/domain/ids.ts'
import { isSku } from '#platform/domain/sku.ts'

const PRODUCT = 'prd_'
const FULFILMENT = 'ful_'
const LINE = 'lin_'

/** Returns the id of a product: its SKU behind a prefix. */
export function productId(sku: string): string {
  return PRODUCT + sku
}

/** Returns the id of the fulfilment of an order. */
export function fulfilmentId(orderId: string): string {
  return FULFILMENT + uuidOf(orderId)
}

/** Returns the id of a line of an order. */
export function lineId(orderId: string, lineNo: number): string {
  return `${LINE}${uuidOf(orderId)}_${lineNo}`
}

/** A thing that `node` can find, by what the services know it by: a SKU, or the id of an order or of what it is itself. */
export type NodeKey =
  | { readonly kind: 'product'; readonly sku: string }
  | { readonly kind: 'fulfilment'; readonly orderId: string }
  | { readonly kind: IdKind; readonly id: string }

/** Returns undefined for text that is no id of the graph. */
export function nodeKeyOf(id: string): NodeKey | undefined {
  if (id.startsWith(PRODUCT)) {
    const sku = id.slice(PRODUCT.length)
    return isSku(sku) ? { kind: 'product', sku } : undefined
  }
  if (id.startsWith(FULFILMENT)) {
    const orderId = siblingId('order', id)
    return isId('order', orderId) ? { kind: 'fulfilment', orderId } : undefined
  }
  const kind = KINDS.find(candidate => isId(candidate, id))
  return kind && { kind, id }
}

const KINDS = Object.keys(ID_PREFIXES) as readonly IdKind[]

function uuidOf(id: string): string {
  return id.slice(id.indexOf('_') + 1)
}
