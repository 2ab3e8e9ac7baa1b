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

/** Sweeps every `everyMs`, with a jitter of a fifth. Disposing awaits a sweep that is under way. */
export function startExpirySweep(
  dependencies: SweepDependencies,
  { everyMs, onError }: { readonly everyMs: number; readonly onError: (error: unknown) => void },
): AsyncDisposable {
  const run = () => sweepExpired(dependencies)
  return startPeriodicTask({ run, everyMs, first: 'after-pause', jitter: 0.1, onError })
}

/**
 * Expires what is due, over all pages of the read model; returns how many reservations it looked at. Every instance may
 * do so at once, and on a model that lags behind: the command's key is made of what it expires, and it decides anew.
 */
export async function sweepExpired({ stocks, reservations, now }: SweepDependencies): Promise<number> {
  const at = now().toISOString()
  const due = findAll(reservations, {
    where: [
      { path: 'status', equals: 'HELD' },
      { path: 'expiresAt', to: at },
    ],
    orderBy: { path: 'expiresAt' },
    limit: PAGE,
  })
  let swept = 0
  const expireNext = async () => {
    for await (const { doc } of due) {
      await expireOne(stocks, doc, at)
      swept++
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, expireNext))
  return swept
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
