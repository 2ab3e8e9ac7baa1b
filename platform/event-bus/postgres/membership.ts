// One process's part in a group: it owns a topic's checkpoint by lease, or stands by for the owner. Free of messages.
import { v7 } from 'uuid'
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { Delivery } from '#platform/event-bus/event-bus.ts'
import {
  acquireLease,
  LEASE_MS,
  type Lease,
  RENEW_MS,
  releaseLease,
  renewLease,
} from '#platform/event-bus/postgres/lease.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import type { Notifications } from '#platform/postgres/notifications.ts'
import type { Pool, StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, jittered } from '#platform/resilience/backoff.ts'

export type Membership = {
  readonly group: string
  readonly topic: string
  readonly feed: TopicFeed
  readonly deliver: Delivery
  readonly soft: Pool
  readonly wakeups: Notifications
  readonly logger: StoreLogger | undefined
  readonly signal: AbortSignal
}

const POLL_MS = 1_000
/** A lease is used only while this much of it is left. */
const MARGIN_MS = 500

/** Runs until `signal` aborts; then the lease is free for another. */
export async function runMembership(membership: Membership): Promise<void> {
  const { group, topic, soft, wakeups, signal, logger } = membership
  const owner = v7()
  const wakeSignal = createWakeSignal()
  const stopListening = wakeups.listen(leaseTopic(group, topic), wakeSignal.notify)
  signal.addEventListener('abort', wakeSignal.notify)
  for (let failures = 0; !signal.aborted; ) {
    try {
      const taken = await acquireLease(soft, group, topic, owner)
      if (taken) await own(membership, taken.lease, taken.position)
      failures = 0
    } catch (err) {
      if (failures === 0) logger?.warn({ err, group, topic }, 'a group of the bus failed and tries again')
      failures += 1
    }
    if (!signal.aborted) await wakeSignal.wait(jittered(POLL_MS) + fullJitter(failures, 100, 5_000))
  }
  stopListening()
  signal.removeEventListener('abort', wakeSignal.notify)
}

function leaseTopic(group: string, topic: string): string {
  return `group ${group} ${topic}`
}

/** Follows the topic as long as the lease is surely held. */
async function own(membership: Membership, lease: Lease, position: number): Promise<void> {
  const { soft, wakeups, signal } = membership
  const lost = new AbortController()
  let renewedAt = performance.now()

  async function renew(delivered?: number): Promise<void> {
    const startedAt = performance.now()
    if (await renewLease(soft, lease, delivered)) renewedAt = startedAt
    else lost.abort()
  }

  const renewing = setInterval(() => {
    if (performance.now() - renewedAt > LEASE_MS - MARGIN_MS) lost.abort()
    void renew().catch(() => {}) // the database is away: the lease is used only while it is surely valid
  }, RENEW_MS)
  try {
    await runDeliveryLoop({
      ...membership,
      after: position,
      onDelivered: renew,
      signal: AbortSignal.any([signal, lost.signal]),
    })
  } finally {
    clearInterval(renewing)
    await releaseLease(soft, lease).catch(() => {}) // it runs out by itself
    wakeups.notify(leaseTopic(lease.group, lease.topic))
  }
}
