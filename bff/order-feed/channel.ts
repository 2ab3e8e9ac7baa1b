// A channel: all who watch one scope, how far they have been told, and the events since. Free of reading.
import type { Change, Scope } from '#bff/order-feed/change.ts'
import { covers, type EventEntry, equalPositions, isPast, type Positions } from '#bff/order-feed/positions.ts'

/** Events kept for who is a little behind; who is further behind looks through the window. */
const RECENT = 256
/** Events yet to be told that are kept; with more, they are looked up in the window. */
const MOST_UNTOLD = 1_024

/** One who watches. `at` is undefined while level with the channel's head, so that an idle one costs next to nothing. */
export type Subscriber<Order> = {
  at: Positions | undefined
  /** Set while the next change is waited for. */
  deliver: ((result: Promise<ChangeResult<Order>> | ChangeResult<Order>) => void) | undefined
  /** What the first `next` gives: the present state. */
  first: Change<Order> | undefined
  readonly present: () => Promise<readonly Order[]>
  /** Called once, when it is closed. */
  onClose: () => void
  isClosed: boolean
}
export type ChangeResult<Order> = IteratorResult<Change<Order>, undefined>

/** The next change for one who is not level with the head. */
export type CatchUp<Order> = (
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
) => Promise<ChangeResult<Order>>

export type Channel<Order> = {
  readonly scope: Scope
  readonly subscribers: Set<Subscriber<Order>>
  /** Everything up to here has been told. It moves on freely while there is nothing to tell. */
  head: Positions
  /** The scope's events past `base`; `base` is undefined when there were too many to keep. */
  recent: EventEntry[]
  base: Positions | undefined
  /** The newest change, for those who were busy when it came: they are at `from`. */
  last: { readonly from: Positions; readonly item: ChangeResult<Order>; takers: number } | undefined
  isPublishing: boolean
  /** Whether there is, or may be, something past `head` to tell. */
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

/** An event of the scope was heard; `before` is how far everything had been heard before it. */
export function enqueue<Order>(channel: Channel<Order>, entry: EventEntry, before: Positions): void {
  advanceHead(channel, before)
  channel.hasPending = true
  if (!channel.base) return
  if (channel.recent.length < MOST_UNTOLD) channel.recent.push(entry)
  else discardRecent(channel)
}

/** Moves the head on to `heard` when there is nothing to tell between. */
export function advanceHead<Order>(channel: Channel<Order>, heard: Positions): void {
  if (!channel.hasPending && !channel.isPublishing) channel.head = heard
}

/** From now on the window must be looked through for what is past the head. */
export function discardRecent<Order>(channel: Channel<Order>): void {
  channel.recent = []
  channel.base = undefined
}

/** The events between, if the channel still has them. */
export function recentBetween<Order>(
  channel: Channel<Order>,
  from: Positions,
  to: Positions,
): EventEntry[] | undefined {
  if (!channel.base || !covers(from, channel.base)) return undefined
  return channel.recent.filter(entry => isPast(entry, from) && !isPast(entry, to))
}

/**
 * Moves the head on to `to` and hands `change` to all who wait at the old head, the very same object; without a
 * change there was nothing to tell. `catchUp` answers those who wait elsewhere.
 */
export function publish<Order>(
  channel: Channel<Order>,
  change: Change<Order> | undefined,
  to: Positions,
  catchUp: CatchUp<Order>,
): void {
  const from = channel.head
  channel.head = to
  if (!change) return
  const item: ChangeResult<Order> = { done: false, value: change }
  const { busy, elsewhere } = fanOut(channel, item, from, catchUp)
  channel.last = busy > 0 ? { from, item, takers: busy } : undefined
  if (channel.base && ((busy === 0 && elsewhere === 0) || channel.recent.length > RECENT)) {
    channel.recent = channel.recent.filter(entry => isPast(entry, to))
    channel.base = to
  }
}

function fanOut<Order>(
  channel: Channel<Order>,
  item: ChangeResult<Order>,
  from: Positions,
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

/** What is between the old head and `to` can no longer be told: everybody has to catch up, and will be told so. */
export function restart<Order>(channel: Channel<Order>, to: Positions, catchUp: CatchUp<Order>): void {
  const from = channel.head
  channel.head = to
  channel.last = undefined
  for (const subscriber of channel.subscribers) {
    subscriber.at ??= from
    wake(channel, subscriber, catchUp)
  }
}

/** Once all that was heard is told, the channel keeps its recent events again. */
export function keepRecent<Order>(channel: Channel<Order>): void {
  if (!channel.base && !channel.hasPending) channel.base = channel.head
}

/** The newest change, for one who was busy when it was told and has missed no other. */
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

/** Notes that the subscriber was told everything up to `place`. */
export function moveTo<Order>(
  channel: Channel<Order>,
  subscriber: Subscriber<Order>,
  place: Positions,
): void {
  subscriber.at = equalPositions(place, channel.head) ? undefined : place
}

/** Answers one who waits by what `catchUp` finds. */
function wake<Order>(channel: Channel<Order>, subscriber: Subscriber<Order>, catchUp: CatchUp<Order>): void {
  const { deliver } = subscriber
  subscriber.deliver = undefined
  deliver?.(catchUp(channel, subscriber))
}
