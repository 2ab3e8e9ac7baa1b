// Remembers which customer an order belongs to, bounded.
import { LRUCache } from 'lru-cache'

/** Some 10 MB at most. */
const MAX_ORDERS = 50_000
/** The owner of an order that cannot be read: no customer has this id. */
export const NO_OWNER = ''

export type OwnerCache = {
  set(orderId: string, customerId: string): void
  /** Returns undefined when the owner is not known. */
  get(orderId: string): string | undefined
}

export function createOwnerCache(): OwnerCache {
  const owners = new LRUCache<string, string>({ max: MAX_ORDERS })
  return {
    set: (orderId, customerId) => void owners.set(orderId, customerId),
    get: orderId => owners.get(orderId),
  }
}
