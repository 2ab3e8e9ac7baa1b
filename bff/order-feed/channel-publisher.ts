// Moves a channel on: what was heard becomes one change for all who watch, then the next. Free of the bus.
import { setTimeout as delay } from 'node:timers/promises'
import type { BuiltChange, ChangeBuilder } from '#bff/order-feed/change-builder.ts'
import {
  type CatchUp,
  type Channel,
  discardRecent,
  keepRecent,
  publish,
  restart,
} from '#bff/order-feed/channel.ts'
import { covers, type Positions } from '#bff/order-feed/positions.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 5_000

export type Pump<Order> = (channel: Channel<Order>) => Promise<void>

export type PumpOptions<Order> = {
  readonly changes: ChangeBuilder<Order>
  /** How far the channel's events are known. */
  readonly heard: (channel: Channel<Order>) => Positions
  readonly catchUp: CatchUp<Order>
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Tells what is due, unless that is under way already. What comes meanwhile makes the next change together. */
export function createChannelPublisher<Order>({
  changes,
  heard,
  catchUp,
  logger,
  signal,
}: PumpOptions<Order>): Pump<Order> {
  async function tell(channel: Channel<Order>): Promise<void> {
    channel.hasPending = false
    const to = heard(channel)
    const make = () => changes.build(channel, channel.head, to)
    const made = await retryUntilAborted<BuiltChange<Order> | undefined>(make, { logger, signal })
    if (signal.aborted) return
    if (made) {
      publish(channel, made.change, made.to, catchUp)
      channel.hasPending ||= !covers(made.to, to)
    } else {
      discardRecent(channel)
      restart(channel, to, catchUp)
    }
    keepRecent(channel)
  }

  return async channel => {
    if (channel.isPublishing) return
    channel.isPublishing = true
    while (channel.hasPending && channel.subscribers.size > 0 && !signal.aborted) await tell(channel)
    channel.isPublishing = false
  }
}

/** Tries until `work` succeeds, with growing pauses; undefined once `signal` aborts. */
export async function retryUntilAborted<Result>(
  work: () => Promise<Result>,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Result | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work()
    } catch (err) {
      logger.warn({ err, attempt }, 'missed events could not be read from the bus; trying again')
      const ms = fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS)
      await delay(ms, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  return undefined
}
