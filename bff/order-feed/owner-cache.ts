// Which customer an order is of, as far as it is known here; bounded. Free of reading.
import { LRUCache } from 'lru-cache'

/** Orders whose owner is kept: some 10 MB at most. */
const KEPT = 50_000
/** Of an order that cannot be read: no customer is called so. */
export const NOBODY = ''

export type Owners = {
  learn(orderId: string, customerId: string): void
  /** Undefined when it is not known. */
  of(orderId: string): string | undefined
}

export function createOwners(): Owners {
  const owners = new LRUCache<string, string>({ max: KEPT })
  return {
    learn: (orderId, customerId) => void owners.set(orderId, customerId),
    of: orderId => owners.get(orderId),
  }
}
