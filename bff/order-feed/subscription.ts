// One subscriber's stream of changes: it holds positions instead of a queue, and looks up what it missed.
import { LRUCache } from 'lru-cache'
import type { Change, Scope, SharedStream } from '#bff/order-feed/change.ts'
import type { ChangeBuilder } from '#bff/order-feed/change-builder.ts'
import {
  type CatchUp,
  type ChangeResult,
  type Channel,
  moveTo,
  type Subscriber,
  takeLast,
} from '#bff/order-feed/channel.ts'
import { encodeCursor, keyOf } from '#bff/order-feed/cursor.ts'
import { maxPositions, type Positions, vectorOf } from '#bff/order-feed/positions.ts'

const DONE = { done: true, value: undefined } as const

/** Missed changes kept for other subscribers that missed the same. */
const MAX_MISSED_CHANGES = 64

/** Returns the subscriber's stream. Only one `next` may be awaited at a time. */
export function streamOf<Order>(
  subscriber: Subscriber<Order>,
  source: {
    readonly channel: Channel<Order>
    readonly catchUp: CatchUp<Order>
    readonly audience: string | undefined
  },
): SharedStream<Change<Order>> {
  const { channel, catchUp, audience } = source
  return {
    audience,
    next() {
      if (subscriber.isClosed) return Promise.resolve(DONE)
      const { first } = subscriber
      subscriber.first = undefined
      if (first) return Promise.resolve({ done: false, value: first })
      return subscriber.at === undefined ? nextPublished(subscriber) : catchUp(channel, subscriber)
    },
    return() {
      close(subscriber)
      return Promise.resolve(DONE)
    },
    throw(error) {
      close(subscriber)
      return Promise.reject(error)
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

/** Ends the stream, also for a `next` that is awaited. */
export function close<Order>(subscriber: Subscriber<Order>): void {
  if (subscriber.isClosed) return
  subscriber.isClosed = true
  subscriber.first = undefined
  subscriber.deliver?.(DONE)
  subscriber.deliver = undefined
  subscriber.onClose()
}

function nextPublished<Order>(subscriber: Subscriber<Order>): Promise<ChangeResult<Order>> {
  return new Promise(resolve => {
    subscriber.deliver = resolve
  })
}

/** Returns a CatchUp that yields the last change published, everything that was missed, or the present state. */
export function createCatchUp<Order>(changes: ChangeBuilder<Order>): CatchUp<Order> {
  const findMissed = shareMissed(changes)
  return async (channel, subscriber) => {
    while (!subscriber.isClosed) {
      const { at } = subscriber
      if (at === undefined) return nextPublished(subscriber)
      const last = takeLast(channel, subscriber)
      if (last) return last
      const { head } = channel
      const missed = await findMissed(channel, at, head)
      if (subscriber.isClosed) break
      if (!missed) return restartWithPresent(channel, subscriber)
      moveTo(channel, subscriber, missed.to)
      if (missed.change) return { done: false, value: missed.change }
      // A subscriber that is ahead of this process waits until the process has caught up.
      if (channel.head === head) return nextPublished(subscriber)
    }
    return DONE
  }
}

/** Returns the `build` of `changes`, which gives subscribers that missed the same the same change. */
function shareMissed<Order>(changes: ChangeBuilder<Order>): ChangeBuilder<Order>['build'] {
  const missed = new LRUCache<string, ReturnType<typeof changes.build>>({ max: MAX_MISSED_CHANGES })
  return (channel, from, to) => {
    const key = `${keyOf(channel.scope)} ${from} ${to}`
    const shared = missed.get(key)
    if (shared) return shared
    const building = changes.build(channel, from, to)
    missed.set(key, building)
    void building.then(built => {
      if (!built?.change) missed.delete(key)
    })
    return building
  }
}

/** Ends the stream of a caller who may not see the present state any more. */
async function restartWithPresent<Order>(
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
): Promise<ChangeResult<Order>> {
  const positions = maxPositions(channel.head, subscriber.at ?? channel.head)
  const { scope } = channel
  try {
    const change = await presentChange('RESTARTED', { scope, positions }, subscriber.present)
    if (subscriber.isClosed) return DONE
    moveTo(channel, subscriber, positions)
    return { done: false, value: change }
  } catch (error) {
    close(subscriber)
    throw error
  }
}

/** Returns the present state as a change. `positions` must be from before the state is read, so that no event is missed. */
export async function presentChange<Order>(
  kind: 'PRESENT' | 'RESTARTED',
  { scope, positions }: { readonly scope: Scope; readonly positions: Positions },
  present: () => Promise<readonly Order[]>,
): Promise<Change<Order>> {
  return { kind, cursor: encodeCursor(scope, vectorOf(positions)), events: [], orders: await present() }
}
