// Ends reservations that are past their end and never committed, so that their units are free in the read models too.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { StockRepository } from '#subgraphs/inventory/commands/dependencies.ts'
import { expire } from '#subgraphs/inventory/domain/reservation.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'

export type Expiry = {
  readonly stocks: StockRepository
  readonly reservations: Collection<ReservationDoc>
  readonly now: () => Date
}

const PAGE = 100
const AT_ONCE = 8

/**
 * Expires what is due, over all pages of the read model; returns how many reservations it looked at. Every instance may
 * do so at once, and on a model that lags behind: the command's key is made of what it expires, and it decides anew.
 */
export async function sweepExpired({ stocks, reservations, now }: Expiry): Promise<number> {
  const at = now().toISOString()
  let swept = 0
  for (let after: string | undefined, hasNext = true; hasNext; ) {
    const page = await reservations.find({
      where: [
        { path: 'status', equals: 'HELD' },
        { path: 'expiresAt', to: at },
      ],
      orderBy: { path: 'expiresAt' },
      limit: PAGE,
      ...(after !== undefined && { after }),
    })
    const due = page.items.map(({ doc }) => doc)
    for (let start = 0; start < due.length; start += AT_ONCE)
      await Promise.all(due.slice(start, start + AT_ONCE).map(doc => expireOne(stocks, doc, at)))
    swept += due.length
    after = page.items.at(-1)?.cursor
    hasNext = page.hasNext
  }
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

/** Sweeps every `everyMs`, with a jitter of a fifth. Disposing ends the wait, and awaits a sweep that is under way. */
export function startExpirySweep(
  expiry: Expiry,
  options: { readonly everyMs: number; readonly onFailed: (error: unknown) => void },
): AsyncDisposable {
  const stop = new AbortController()
  const running = (async () => {
    while (await waited(options.everyMs * (0.9 + 0.2 * Math.random()), stop.signal))
      await sweepExpired(expiry).catch(options.onFailed)
  })()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

/** False when the wait was ended early. */
async function waited(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, undefined, { signal }).then(
    () => true,
    () => false,
  )
}
