// Which customer an order is of, as far as it is known here; bounded. Free of reading.
import { LRUCache } from 'lru-cache'

/** Orders whose owner is kept: some 10 MB at most. */
const KEPT = 50_000
/** Of an order that cannot be read: no customer is called so. */
export const NO_OWNER = ''

export type OwnerCache = {
  set(orderId: string, customerId: string): void
  /** Undefined when it is not known. */
  get(orderId: string): string | undefined
}

export function createOwnerCache(): OwnerCache {
  const owners = new LRUCache<string, string>({ max: KEPT })
  return {
    set: (orderId, customerId) => void owners.set(orderId, customerId),
    get: orderId => owners.get(orderId),
  }
}
