// A channel: the subscribers of one scope, how far they have been told, and the events since.
import type { Change, Scope } from '#bff/order-feed/change.ts'
import { covers, type EventEntry, equalPositions, isPast, type Positions } from '#bff/order-feed/positions.ts'

/** Events kept for subscribers that are a little behind; those further behind are served from the event window. */
const MAX_RECENT = 256
/** Events kept that are not published yet; beyond that, they are looked up in the event window. */
const MAX_PENDING = 1_024

export type Subscriber<Order> = {
  /** How far it has been told; undefined while level with the channel's head, so that an idle one costs next to nothing. */
  at: Positions | undefined
  /** Set while the subscriber waits for the next change. */
  deliver: ((result: Promise<ChangeResult<Order>> | ChangeResult<Order>) => void) | undefined
  /** The present state, which the first `next` returns. */
  first: Change<Order> | undefined
  readonly present: () => Promise<readonly Order[]>
  /** Called once, when it is closed. */
  onClose: () => void
  isClosed: boolean
}
export type ChangeResult<Order> = IteratorResult<Change<Order>, undefined>

/** A change that brings a subscriber to the positions `to`; without one, there is nothing to tell up to there. */
export type BuiltChange<Order> = { readonly change: Change<Order> | undefined; readonly to: Positions }

/** Returns the next change for a subscriber that is not level with the channel's head. */
export type CatchUp<Order> = (
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
) => Promise<ChangeResult<Order>>

export type Channel<Order> = {
  readonly scope: Scope
  readonly subscribers: Set<Subscriber<Order>>
  /** Everything up to here is published. It moves on freely while there is nothing to publish. */
  head: Positions
  /** The scope's events past `base`; `base` is undefined when there were too many to keep. */
  recent: EventEntry[]
  base: Positions | undefined
  /** The newest change, for the subscribers that were busy when it was published: they are at `from`. */
  last: { readonly from: Positions; readonly item: ChangeResult<Order>; takers: number } | undefined
  isPublishing: boolean
  /** True while there is, or may be, something past `head` to publish. */
  hasPending: boolean
}

export function createChannel<Order>(scope: Scope, head: Positions): Channel<Order> {
  const subscribers = new Set<Subscriber<Order>>()
  return {
    scope,
    subscribers,
    head,
    recent: [],
    base: head,
    last: undefined,
    isPublishing: false,
    hasPending: false,
  }
}

export function createSubscriber<Order>(present: () => Promise<readonly Order[]>): Subscriber<Order> {
  return { at: undefined, deliver: undefined, first: undefined, present, onClose: () => {}, isClosed: false }
}

/** Adds an event of the scope that is to be published; `before` are the positions received before it. */
export function enqueue<Order>(channel: Channel<Order>, entry: EventEntry, before: Positions): void {
  advanceHead(channel, before)
  channel.hasPending = true
  if (!channel.base) return
  if (channel.recent.length < MAX_PENDING) channel.recent.push(entry)
  else discardRecent(channel)
}

/** Moves the head on to `positions` when there is nothing to publish in between. */
export function advanceHead<Order>(channel: Channel<Order>, positions: Positions): void {
  if (!channel.hasPending && !channel.isPublishing) channel.head = positions
}

/** Drops the channel's own events: from now on, those past the head are looked up in the event window. */
export function discardRecent<Order>(channel: Channel<Order>): void {
  channel.recent = []
  channel.base = undefined
}

/** Begins to keep events again once everything that was received is published. */
export function keepRecent<Order>(channel: Channel<Order>): void {
  if (!channel.base && !channel.hasPending) channel.base = channel.head
}

/** Returns the events past `from` and not past `to`, or undefined when the channel does not have them all. */
export function recentBetween<Order>(
  channel: Channel<Order>,
  from: Positions,
  to: Positions,
): EventEntry[] | undefined {
  if (!channel.base || !covers(from, channel.base)) return undefined
  return channel.recent.filter(entry => isPast(entry, from) && !isPast(entry, to))
}

/**
 * Moves the head on and hands the very same change to all subscribers that wait at the old head. Those that wait
 * elsewhere get what `catchUp` returns.
 */
export function publish<Order>(
  channel: Channel<Order>,
  { change, to }: BuiltChange<Order>,
  catchUp: CatchUp<Order>,
): void {
  const from = channel.head
  channel.head = to
  if (!change) return
  const item: ChangeResult<Order> = { done: false, value: change }
  const { busy, elsewhere } = fanOut(channel, { item, from }, catchUp)
  channel.last = busy > 0 ? { from, item, takers: busy } : undefined
  if (channel.base && ((busy === 0 && elsewhere === 0) || channel.recent.length > MAX_RECENT)) {
    channel.recent = channel.recent.filter(entry => isPast(entry, to))
    channel.base = to
  }
}

function fanOut<Order>(
  channel: Channel<Order>,
  { item, from }: { readonly item: ChangeResult<Order>; readonly from: Positions },
  catchUp: CatchUp<Order>,
): { busy: number; elsewhere: number } {
  let busy = 0
  let elsewhere = 0
  for (const subscriber of channel.subscribers) {
    const { deliver } = subscriber
    if (subscriber.at !== undefined) {
      elsewhere += 1
      wake(channel, subscriber, catchUp)
    } else if (deliver) {
      subscriber.deliver = undefined
      deliver(item)
    } else {
      busy += 1
      subscriber.at = from
    }
  }
  return { busy, elsewhere }
}

/** Makes every subscriber catch up, because the events between the head and `to` can no longer be listed. */
export function restart<Order>(channel: Channel<Order>, to: Positions, catchUp: CatchUp<Order>): void {
  const from = channel.head
  channel.head = to
  channel.last = undefined
  for (const subscriber of channel.subscribers) {
    subscriber.at ??= from
    wake(channel, subscriber, catchUp)
  }
}

/** Returns the newest change for a subscriber that was busy when it was published and has missed no other. */
export function takeLast<Order>(
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
): ChangeResult<Order> | undefined {
  const { last } = channel
  if (!last || subscriber.at !== last.from) return undefined
  subscriber.at = undefined
  last.takers -= 1
  if (last.takers === 0) channel.last = undefined
  return last.item
}

/** Notes that the subscriber was told everything up to `positions`. */
export function moveTo<Order>(
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
  positions: Positions,
): void {
  subscriber.at = equalPositions(positions, channel.head) ? undefined : positions
}

function wake<Order>(channel: Channel<Order>, subscriber: Subscriber<Order>, catchUp: CatchUp<Order>): void {
  const { deliver } = subscriber
  subscriber.deliver = undefined
  deliver?.(catchUp(channel, subscriber))
}
