// Publishes what a channel has pending: the events received so far become one change for all subscribers, then the next.

import type { ChangeBuilder } from '#bff/order-feed/change-builder.ts'
import {
  type BuiltChange,
  type CatchUp,
  type Channel,
  discardRecent,
  keepRecent,
  publish,
  restart,
} from '#bff/order-feed/channel.ts'
import { covers, type Positions } from '#bff/order-feed/positions.ts'
import { fullJitter, pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 5_000

type PublisherOptions<Order> = {
  readonly changes: ChangeBuilder<Order>
  /** Returns how far the events of the channel's scope are known. */
  readonly knownUpTo: (channel: Channel<Order>) => Positions
  readonly catchUp: CatchUp<Order>
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Returns a function that publishes what is pending, unless it is doing so already. It never rejects. */
export function createChannelPublisher<Order>(
  options: PublisherOptions<Order>,
): (channel: Channel<Order>) => Promise<void> {
  return async channel => {
    if (channel.isPublishing) return
    channel.isPublishing = true
    while (channel.hasPending && channel.subscribers.size > 0 && !options.signal.aborted)
      await publishPending(options, channel)
    channel.isPublishing = false
  }
}

async function publishPending<Order>(
  { changes, knownUpTo, catchUp, logger, signal }: PublisherOptions<Order>,
  channel: Channel<Order>,
): Promise<void> {
  channel.hasPending = false
  const to = knownUpTo(channel)
  const build = () => changes.build(channel, channel.head, to)
  const built = await retryUntilAborted<BuiltChange<Order> | undefined>(build, { logger, signal })
  if (signal.aborted) return
  if (built) {
    publish(channel, built, catchUp)
    channel.hasPending ||= !covers(built.to, to)
  } else {
    discardRecent(channel)
    restart(channel, to, catchUp)
  }
  keepRecent(channel)
}

/** Calls `work` until it succeeds, with growing pauses. Resolves to undefined once `signal` aborts. */
export async function retryUntilAborted<Result>(
  work: () => Promise<Result>,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Result | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work()
    } catch (err) {
      const pauseMs = fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS)
      logger.warn({ err, attempt, pauseMs }, 'missed events could not be read from the bus, retrying')
      await pauseUnlessAborted(pauseMs, signal)
    }
  }
  return undefined
}
