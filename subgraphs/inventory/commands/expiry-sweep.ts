// Expires reservations that are past their end and were never committed, so that the read models free their units too.
import { createHash } from 'node:crypto'
import { findAll } from '#platform/read-models/find-all.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'
import type { CommandDependencies } from '#subgraphs/inventory/commands/dependencies.ts'
import type { StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import { expire } from '#subgraphs/inventory/domain/reservation.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'

type SweepDependencies = Pick<CommandDependencies, 'stocks' | 'reservations' | 'now'>

const PAGE = 100
const CONCURRENCY = 8
/** The shortest pause for holds that end soon after one another; also how far apart instances that wait for the same one wake. */
const SHORTEST_PAUSE_MS = 500

/**
 * Sweeps at once, then when the next hold known to the last sweep ends, and every `everyMs` at the latest, with a jitter
 * of a fifth. Disposing awaits a sweep that is under way.
 */
export function startExpirySweep(
  dependencies: SweepDependencies,
  { everyMs, onError }: { readonly everyMs: number; readonly onError: (error: unknown) => void },
): AsyncDisposable {
  let next: string | undefined
  const run = async () => {
    next = undefined
    next = await sweepExpired(dependencies)
  }
  const dueInMs = () => {
    if (next === undefined) return everyMs
    const untilDue = Date.parse(next) - dependencies.now().getTime()
    return Math.max(untilDue, SHORTEST_PAUSE_MS) + Math.random() * SHORTEST_PAUSE_MS
  }
  return startPeriodicTask({ run, everyMs, jitter: 0.1, dueInMs, onError })
}

/**
 * Expires what is due, over all pages of the read model; returns when the next hold ends, if there is one. Every instance
 * may do so at once, and on a model that lags behind: the command's key is made of what it expires, and it decides anew.
 */
export async function sweepExpired({
  stocks,
  reservations,
  now,
}: SweepDependencies): Promise<string | undefined> {
  const at = now().toISOString()
  const held = findAll(reservations, {
    where: [{ path: 'heldUntil', from: '' }],
    orderBy: { path: 'heldUntil' },
    limit: PAGE,
  })
  const ends: string[] = []
  const expireNext = async () => {
    for await (const { doc } of held) {
      if (doc.expiresAt > at) {
        ends.push(doc.expiresAt)
        break
      }
      await expireOne(stocks, doc, at)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, expireNext))
  return ends.sort()[0]
}

async function expireOne(stocks: StockRepository, doc: ReservationDoc, at: string): Promise<void> {
  const { orderId, expiresAt } = doc
  const held = doc.allocations.filter(({ status }) => status === 'HELD').map(({ sku }) => sku)
  const skus = [...new Set(held)].sort()
  const digest = createHash('sha256')
    .update(JSON.stringify([expiresAt, skus]))
    .digest('base64url')
  await stocks.handleMany(
    skus,
    {
      key: `inventory:expireReservation:${orderId}:${digest}`,
      body: { orderId, expiresAt, skus },
      meta: { actor: 'service:inventory', correlationId: `expiry-${orderId}` },
    },
    states => expire(states, { orderId, at }),
  )
}
