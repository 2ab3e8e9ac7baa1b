// Saves snapshots of the products' stock behind bulk-written copies, as an instance would have while the orders came.
import { deepStrictEqual } from 'node:assert'
import type { SharedStream } from '#bench/growth/copy-histories.ts'
import { createCodec } from '#platform/event-store/codec.ts'
import type { EventStore, StreamId } from '#platform/event-store/event-store.ts'
import { stockAggregate } from '#subgraphs/inventory/domain/aggregate.ts'
import { evolveAll, type Stock, type StockEvent } from '#subgraphs/inventory/domain/stock.ts'

const SCHEMA = stockAggregate.snapshot?.schema ?? 1
const { decode } = createCodec<Stock, StockEvent>(stockAggregate)

/**
 * Every copy changes a stock by the same units. So the state behind the last of them is worked out from the first, without
 * reading those between, and the events of the last must lead to it: it throws when they do not.
 */
export async function saveStockSnapshots(
  store: EventStore,
  streams: readonly SharedStream[],
  copies: number,
): Promise<void> {
  for (const { stream, base, perCopy } of streams) {
    const before = await stockAt(store, stream, base)
    const first = await stockAfter(store, { stream, version: base, state: before }, perCopy)
    const stockBehind = (count: number): Stock => ({ ...first, ...unitsBehind(count, before, first) })
    const state = stockBehind(copies)
    const last = { stream, version: base + (copies - 1) * perCopy, state: stockBehind(copies - 1) }
    deepStrictEqual(await stockAfter(store, last, perCopy), state)
    await store.saveSnapshot(stream, { schema: SCHEMA, version: base + copies * perCopy, state })
  }
}

function unitsBehind(copies: number, before: Stock, first: Stock): Pick<Stock, 'onHand' | 'returnable'> {
  const moved = (from = 0, to = 0) => from + copies * (to - from)
  const onHand = Object.entries(first.onHand).map(([warehouse, units]) => [
    warehouse,
    moved(before.onHand[warehouse], units),
  ])
  return { onHand: Object.fromEntries(onHand), returnable: moved(before.returnable, first.returnable) }
}

type StoredStock = { readonly stream: StreamId; readonly version: number; readonly state: Stock }

async function stockAt(store: EventStore, stream: StreamId, version: number): Promise<Stock> {
  const saved = await store.loadSnapshot(stream, SCHEMA)
  const from = {
    stream,
    version: saved?.version ?? 0,
    state: (saved?.state as Stock | undefined) ?? stockAggregate.initial, // a snapshot of this schema has this shape
  }
  return stockAfter(store, from, version - from.version)
}

/** Returns the state `events` events later. */
async function stockAfter(
  store: EventStore,
  { stream, version, state }: StoredStock,
  events: number,
): Promise<Stock> {
  const read = await store.readStream(stream, { after: version, upTo: version + events })
  return evolveAll(
    state,
    read.flatMap(recorded => decode(recorded) ?? []),
  )
}
