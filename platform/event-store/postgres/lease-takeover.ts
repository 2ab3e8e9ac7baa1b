// Takes a consumer's lease away from its owner for a while, such as to rebuild what the consumer projects.
import { setTimeout as delay } from 'node:timers/promises'
import { v7 } from 'uuid'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  LEASE_MS,
  type Lease,
  RENEW_MS,
  readYieldedCheckpoint,
  releaseLease,
  renewLease,
  stopAwaitingYield,
  takeLease,
} from '#platform/event-store/postgres/lease.ts'
import {
  type Sessions,
  type StoreNotifications,
  toStoreError,
} from '#platform/event-store/postgres/sessions.ts'

type LeaseTakeover = {
  readonly checkpoint: number
  /** Releases the lease, at `checkpoint` if there is one. Resolves to false if another process took it meanwhile. */
  readonly release: (checkpoint: number | undefined) => Promise<boolean>
}

const POLL_MS = 10

/**
 * Resolves when the former owner has stopped, or has not confirmed it for a whole lease. The lease is renewed until it is
 * released.
 */
export async function takeOverLease(
  store: { readonly sessions: Sessions; readonly notifications: StoreNotifications },
  consumer: string,
): Promise<LeaseTakeover> {
  const { sessions, notifications } = store
  const lease = await takeLease(sessions, consumer, v7())
  const renewing = setInterval(() => void keepAlive(sessions, lease), RENEW_MS)
  const release = async (checkpoint: number | undefined) => {
    clearInterval(renewing)
    const wasHeld = await releaseLease(sessions, lease, checkpoint)
    notifications.notify(`consumer ${consumer}`)
    return wasHeld
  }
  notifications.notify(`consumer ${consumer}`)
  try {
    return { checkpoint: await waitUntilYielded(sessions, lease), release }
  } catch (error) {
    await releaseQuietly(release)
    throw error
  }
}

async function keepAlive(sessions: Sessions, lease: Lease): Promise<void> {
  try {
    await renewLease(sessions, lease)
  } catch {
    // The database is away: the next renewal tries again, and the release finds out if the lease ran out.
  }
}

async function releaseQuietly(release: LeaseTakeover['release']): Promise<void> {
  try {
    await release(undefined)
  } catch {
    // The lease runs out by itself, and the error that led here is the one to report.
  }
}

async function waitUntilYielded(sessions: Sessions, lease: Lease): Promise<number> {
  for (const startedAt = performance.now(); ; await delay(POLL_MS)) {
    const checkpoint = await readYieldedCheckpoint(sessions, lease)
    if (checkpoint !== undefined) return checkpoint
    if (performance.now() - startedAt > LEASE_MS) await stopAwaitingYield(sessions, lease)
  }
}

/** Runs `work`, and releases the lease at the checkpoint it returns. When it throws, the checkpoint stays as it was. */
export async function runUnderLease(
  takeover: LeaseTakeover,
  work: (checkpoint: number) => Promise<number>,
): Promise<void> {
  let checkpoint: number
  try {
    checkpoint = await work(takeover.checkpoint)
  } catch (error) {
    await releaseQuietly(takeover.release)
    throw error
  }
  const wasHeld = await takeover.release(checkpoint).catch(cause => {
    throw toStoreError('give a lease back', cause)
  })
  if (!wasHeld) throw new OperatorError('LEASE_LOST', 'another process took the consumer meanwhile')
}
