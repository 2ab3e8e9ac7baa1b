// Takes a consumer away from its owner for a while, e.g. to rebuild what it projects. Free of events.
import { setTimeout as delay } from 'node:timers/promises'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  isYielding,
  LEASE_MS,
  type Lease,
  RENEW_MS,
  releaseLease,
  renewLease,
  stealLease,
} from '#platform/event-store/lease.postgres.ts'
import type { Sessions } from '#platform/event-store/sessions.postgres.ts'
import type { Wakeups } from '#platform/event-store/wakeup.postgres.ts'

export type Taking = {
  readonly sessions: Sessions
  readonly wakeups: Wakeups
  readonly owner: string
  readonly consumer: string
  /** Gets the checkpoint, returns the new one. */
  readonly work: (checkpoint: number) => Promise<number>
}

const LOOK_MS = 10

/**
 * The former owner has stopped, or has been silent for a whole lease, before `work` begins. When `work` throws, the
 * checkpoint stays. Throws OperatorError LEASE_LOST when somebody else took the lease meanwhile.
 */
export async function takeConsumer({ sessions, wakeups, owner, consumer, work }: Taking): Promise<void> {
  const { lease, checkpoint: before } = await stealLease(sessions, consumer, owner)
  wakeups.announce(`consumer ${consumer}`)
  const renewing = setInterval(() => void renewLease(sessions, lease).catch(() => {}), RENEW_MS)
  let checkpoint: number | undefined
  let kept = true
  try {
    await formerOwnerStopped(sessions, lease)
    checkpoint = await work(before)
  } finally {
    clearInterval(renewing)
    kept = await releaseLease(sessions, lease, checkpoint)
    wakeups.announce(`consumer ${consumer}`)
  }
  if (!kept)
    throw new OperatorError('LEASE_LOST', `consumer ${consumer} was taken by another process meanwhile`)
}

async function formerOwnerStopped(sessions: Sessions, lease: Lease): Promise<void> {
  const deadline = performance.now() + LEASE_MS
  while ((await isYielding(sessions, lease)) && performance.now() < deadline) await delay(LOOK_MS)
}
