// A subscription to one order: who may read it now may watch it; first its present state, then each newer one.

import type { OrderFeed } from '#platform/bff/order-feed.ts'
import { CallerError } from '#platform/domain/errors.ts'

/**
 * `readAsCaller` reads the order in the caller's name: null or undefined says that there is none for the caller, and
 * throws CallerError NOT_FOUND. Watching begins before that read, so that no change falls between the two.
 */
export async function watchOrder<Order>(
  feed: OrderFeed<Order>,
  orderId: string,
  readAsCaller: () => Promise<Order | null | undefined>,
): Promise<AsyncIterableIterator<Order>> {
  const changes = await feed.watch(orderId)
  try {
    const present = await readAsCaller()
    if (!present) throw new CallerError('NOT_FOUND', `there is no order ${orderId}, or it is not yours`)
    return startingWith(present, changes)
  } catch (error) {
    await changes.return?.()
    throw error
  }
}

function startingWith<Value>(first: Value, rest: AsyncIterableIterator<Value>): AsyncIterableIterator<Value> {
  let begun = false
  return {
    next() {
      if (begun) return rest.next()
      begun = true
      return Promise.resolve({ done: false, value: first })
    },
    return: () => rest.return?.() ?? Promise.resolve({ done: true, value: undefined }),
    throw: error => rest.throw?.(error) ?? Promise.reject(error),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
