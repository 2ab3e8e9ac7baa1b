// Takes a consumer's lease away from its owner for a while, such as to rebuild what the consumer projects.
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  LEASE_MS,
  type Lease,
  readYieldedCheckpoint,
  releaseLease,
  stopAwaitingYield,
  takeLease,
} from '#platform/event-store/postgres/lease.ts'
import type { LeaseKeeper } from '#platform/event-store/postgres/lease-keeper.ts'
import {
  type Sessions,
  type StoreNotifications,
  throwStoreError,
} from '#platform/event-store/postgres/sessions.ts'

const POLL_MS = 10

type TakeoverDependencies = {
  readonly sessions: Sessions
  readonly keeper: LeaseKeeper
  readonly notifications: StoreNotifications
}

/**
 * Takes the lease, runs `work` when the former owner has stopped or has not confirmed it for a whole lease, and releases
 * the lease at the checkpoint that `work` returns. When `work` throws, the checkpoint stays as it was.
 */
export async function runUnderLease(
  { sessions, keeper, notifications }: TakeoverDependencies,
  consumer: string,
  work: (checkpoint: number) => Promise<number>,
): Promise<void> {
  const renewedAt = performance.now()
  const lease = await takeLease(sessions, consumer, v7()).catch(throwStoreError('take a lease'))
  // The checkpoint stays as it is until the release, which also finds out if the lease ran out.
  const stopHolding = keeper.hold({ lease, onLost() {}, renewedAt, isLost: false })
  notifications.notify(`consumer ${consumer}`)
  const release = async (position?: number) => {
    stopHolding()
    const wasHeld = await releaseLease(
      sessions,
      lease,
      position === undefined ? undefined : { position, stored: 0 },
    )
    notifications.notify(`consumer ${consumer}`)
    return wasHeld
  }
  let checkpoint: number
  try {
    const yielded = await waitUntilYielded(sessions, lease).catch(throwStoreError('take a lease'))
    checkpoint = await work(yielded)
  } catch (error) {
    await release().catch(() => {}) // the lease runs out by itself, and the error that led here is the one to report
    throw error
  }
  const wasHeld = await release(checkpoint).catch(throwStoreError('give a lease back'))
  if (!wasHeld) throw new OperatorError('LEASE_LOST', 'another process took the consumer meanwhile')
}

async function waitUntilYielded(sessions: Sessions, lease: Lease): Promise<number> {
  for (const startedAt = performance.now(); ; await delay(POLL_MS)) {
    const checkpoint = await readYieldedCheckpoint(sessions, lease)
    if (checkpoint !== undefined) return checkpoint
    if (performance.now() - startedAt > LEASE_MS) await stopAwaitingYield(sessions, lease)
  }
}
