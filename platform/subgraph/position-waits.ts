// Lets queries wait until a service's views reach a position, with a limit on the waits at one time.
import type { Viewer } from '#platform/auth/viewer.ts'
import { createWaitLimit } from '#platform/consistency/wait-limit.ts'
import type { PositionWaiter } from '#platform/graphql/endpoint/operation-plugin.ts'
import { counter } from '#platform/telemetry/metrics.ts'

type PositionWaitsOptions = {
  readonly service: string
  /** The position of the newest event that the store holds. */
  readonly head: () => Promise<number>
  /** A position up to which the views are known to show everything. */
  readonly shown: () => number
  /** True once the views show every event up to `position`; false after `timeoutMs`. */
  readonly reached: (position: number, timeoutMs: number) => Promise<boolean>
}

/** A wait keeps a request of the gateway's open. */
const MOST_WAITS = 32
const MOST_WAITS_OF_CALLER = 8

/**
 * Returns false at once for a position past the newest event, which no response can have named, and when too many wait. A
 * service waits for many people, so only the total limit applies to it.
 */
export function createPositionWaits(options: PositionWaitsOptions): PositionWaiter['waitFor'] {
  const { service, head, shown, reached } = options
  const count = counter('waybill_position_waits_total', 'Queries that asked for a position not yet shown', [
    'service',
    'outcome',
  ])
  const ended = (outcome: 'shown' | 'late' | 'unknown' | 'crowded') => {
    count.inc({ service, outcome })
    return outcome === 'shown'
  }
  const places = createWaitLimit({ perCaller: MOST_WAITS_OF_CALLER, total: MOST_WAITS })
  const isRecorded = createHeadCheck(head)
  return async (position, timeoutMs, viewer) => {
    if (position <= shown()) return reached(position, timeoutMs)
    if (!(await isRecorded(position))) return ended('unknown')
    using place = places.enter(callerOf(viewer))
    if (place === undefined) return ended('crowded')
    return ended((await reached(position, timeoutMs)) ? 'shown' : 'late')
  }
}

function callerOf(viewer: Viewer | undefined): string | undefined {
  return viewer?.role === 'service' ? undefined : viewer?.subject
}

/** Concurrent checks share one read of the store at a time. Each check uses a read that began after the check did. */
function createHeadCheck(head: () => Promise<number>): (position: number) => Promise<boolean> {
  let known = 0
  let underWay: Promise<unknown> = Promise.resolve()
  let next: Promise<void> | undefined

  async function look(): Promise<void> {
    next = undefined
    known = Math.max(known, await head().catch(() => 0)) // while the store is away, no view will catch up with it
  }

  return async position => {
    if (position <= known) return true
    if (next === undefined) {
      next = underWay.then(look)
      underWay = next
    }
    await next
    return position <= known
  }
}
