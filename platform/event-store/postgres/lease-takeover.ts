// Takes a consumer away from its owner for a while, e.g. to rebuild what it projects. Free of events.
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
import type { Wakeups } from '#platform/event-store/postgres/notifications.ts'
import { type Sessions, toStoreError } from '#platform/event-store/postgres/sessions.ts'

export type Taken = {
  readonly checkpoint: number
  /** Gives the consumer free, at `checkpoint` if there is one; false if somebody else took it meanwhile. */
  readonly giveBack: (checkpoint: number | undefined) => Promise<boolean>
}

const LOOK_MS = 10

/** Resolves when the former owner has stopped, or has not said so for a whole lease. The lease is kept until given back. */
export async function takeOverConsumer(taking: {
  readonly sessions: Sessions
  readonly wakeups: Wakeups
  readonly consumer: string
}): Promise<Taken> {
  const { sessions, wakeups, consumer } = taking
  const lease = await takeLease(sessions, consumer, v7())
  const renewing = setInterval(() => void renewLease(sessions, lease).catch(() => {}), RENEW_MS)
  const giveBack = async (checkpoint: number | undefined) => {
    clearInterval(renewing)
    const kept = await releaseLease(sessions, lease, checkpoint)
    wakeups.notify(`consumer ${consumer}`)
    return kept
  }
  wakeups.notify(`consumer ${consumer}`)
  try {
    return { checkpoint: await whenYielded(sessions, lease), giveBack }
  } catch (error) {
    await giveBack(undefined).catch(() => {}) // the lease runs out by itself
    throw error
  }
}

async function whenYielded(sessions: Sessions, lease: Lease): Promise<number> {
  for (const begin = performance.now(); ; await delay(LOOK_MS)) {
    const checkpoint = await readYieldedCheckpoint(sessions, lease)
    if (checkpoint !== undefined) return checkpoint
    if (performance.now() - begin > LEASE_MS) await stopAwaitingYield(sessions, lease)
  }
}

/** Runs `work` while the consumer is held. When it throws, the checkpoint stays and the error is passed on. */
export async function holdWhile(taken: Taken, work: (checkpoint: number) => Promise<number>): Promise<void> {
  let checkpoint: number
  try {
    checkpoint = await work(taken.checkpoint)
  } catch (error) {
    await taken.giveBack(undefined).catch(() => {}) // the lease runs out by itself
    throw error
  }
  const kept = await taken.giveBack(checkpoint).catch(cause => {
    throw toStoreError('give a lease back', cause)
  })
  if (!kept) throw new OperatorError('LEASE_LOST', 'another process took the consumer meanwhile')
}
