// One subscriber's stream of changes: holds a place, never a queue, and looks up what it missed. Free of the bus.
import type { Change, SharedStream } from '#bff/order-feed/change.ts'
import type { BuiltChange } from '#bff/order-feed/change-builder.ts'
import {
  type CatchUp,
  type ChangeResult,
  type Channel,
  moveTo,
  type Subscriber,
  takeLast,
} from '#bff/order-feed/channel.ts'
import { encodeCursor } from '#bff/order-feed/cursor.ts'
import { maxPositions, type Positions, vectorOf } from '#bff/order-feed/positions.ts'

const DONE = { done: true, value: undefined } as const

/** What is to be told between two places; undefined when that can no longer be listed, or the feed is closed. */
export type FindMissed<Order> = (
  channel: Channel<Order>,
  from: Positions,
  to: Positions,
) => Promise<BuiltChange<Order> | undefined>

/** Only one `next` may be waited for at a time. */
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
      return subscriber.at === undefined ? nextTold(subscriber) : catchUp(channel, subscriber)
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

/** Ends the stream, for who waits on it too. */
export function close<Order>(subscriber: Subscriber<Order>): void {
  if (subscriber.isClosed) return
  subscriber.isClosed = true
  subscriber.first = undefined
  subscriber.deliver?.(DONE)
  subscriber.deliver = undefined
  subscriber.onClose()
}

function nextTold<Order>(subscriber: Subscriber<Order>): Promise<ChangeResult<Order>> {
  return new Promise(resolve => {
    subscriber.deliver = resolve
  })
}

/** The next change for one who is not level with the channel: the last one told, all that was missed, or the present. */
export function createCatchUp<Order>(missed: FindMissed<Order>): CatchUp<Order> {
  return async (channel, subscriber) => {
    while (!subscriber.isClosed) {
      const { at } = subscriber
      if (at === undefined) return nextTold(subscriber)
      const last = takeLast(channel, subscriber)
      if (last) return last
      const { head } = channel
      const made = await missed(channel, at, head)
      if (subscriber.isClosed) break
      if (!made) return restarted(channel, subscriber)
      moveTo(channel, subscriber, made.to)
      if (made.change) return { done: false, value: made.change }
      // Somebody who is ahead of this process waits for it to catch up.
      if (channel.head === head) return nextTold(subscriber)
    }
    return DONE
  }
}

/** A caller who may not have the present state any more is shown out. */
async function restarted<Order>(
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
): Promise<ChangeResult<Order>> {
  const place = maxPositions(channel.head, subscriber.at ?? channel.head)
  try {
    const change = await presentChange('RESTARTED', channel, place, subscriber.present)
    if (subscriber.isClosed) return DONE
    moveTo(channel, subscriber, place)
    return { done: false, value: change }
  } catch (error) {
    close(subscriber)
    throw error
  }
}

/** `place` is from before the read of what is present, so that nothing falls between. */
export async function presentChange<Order>(
  kind: 'PRESENT' | 'RESTARTED',
  { scope }: Channel<Order>,
  place: Positions,
  present: () => Promise<readonly Order[]>,
): Promise<Change<Order>> {
  return { kind, cursor: encodeCursor(scope, vectorOf(place)), events: [], orders: await present() }
}
