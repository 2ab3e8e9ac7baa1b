// Compares the services order by order and SKU by SKU, and checks each difference again before it reports it.
import type { ProductDoc } from '#subgraphs/inventory/queries/product-documents.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { compare, type Difference, type OrderRecords } from '#tools/reconcile/compare.ts'
import type { Sources } from '#tools/reconcile/sources.ts'

type ReconcileOptions = {
  /** Waits before what differs is compared again. */
  readonly pause: () => Promise<void>
  readonly now: () => number
  /** Called with each confirmed difference. */
  readonly report: (difference: Difference) => void
}

export type Summary = {
  readonly orders: number
  readonly products: number
  readonly differences: number
  /** Orders that differed and changed each time they were compared: they are in progress, and not reported. */
  readonly inMotion: number
}

/** How often an order is compared at most, including the first time. */
const MOST_LOOKS = 6
/** How many orders may wait for their second comparison; this bounds memory. */
const BATCH = 1_000
/** A pending request to the payment provider explains differences for this long. */
const PROVIDER_PATIENCE_MS = 15 * 60_000

/** Reports every difference that is the same twice in a row. Memory: 1,000 orders, and the held stock. */
export async function reconcile(sources: Sources, options: ReconcileOptions): Promise<Summary> {
  const tally = { orders: 0, products: 0, differences: 0, inMotion: 0 }
  const report = (difference: Difference) => {
    tally.differences++
    options.report(difference)
  }
  let suspects: Suspect[] = []
  const settle = async () => {
    tally.inMotion += await settleSuspects(sources, suspects, { ...options, report })
    suspects = []
  }
  for await (const facts of sources.orders()) {
    tally.orders++
    const signature = signatureOf(facts, options.now())
    if (signature !== '') suspects.push({ orderId: facts.orderId, signature })
    if (suspects.length >= BATCH) await settle()
  }
  await settle()
  tally.products = await reconcileStock(sources, { ...options, report })
  return tally
}

/** An order that differs. `signature` encodes how; it is empty for an order that does not. */
type Suspect = { readonly orderId: string; readonly signature: string }

function signatureOf(facts: OrderRecords, now: number): string {
  const differences = isWaitingForProvider(facts, now) ? [] : compare(facts)
  return differences.length === 0 ? '' : JSON.stringify(differences)
}

function isWaitingForProvider({ order, payment }: OrderRecords, now: number): boolean {
  if (!order || !payment || outstanding(payment).length === 0) return false
  return now - Date.parse(payment.updatedAt) < PROVIDER_PATIENCE_MS
}

/** Compares the suspects again, and returns how many still change after the last comparison. */
async function settleSuspects(
  sources: Sources,
  suspects: readonly Suspect[],
  { pause, now, report }: ReconcileOptions,
): Promise<number> {
  let open = suspects
  for (let look = 2; open.length > 0 && look <= MOST_LOOKS; look++) {
    await pause()
    const changing: Suspect[] = []
    for (const { orderId, signature } of open) {
      const facts = await sources.order(orderId)
      const again = signatureOf(facts, now())
      if (again === signature) for (const difference of compare(facts)) report(difference)
      else if (again !== '') changing.push({ orderId, signature: again })
    }
    open = changing
  }
  return open.length
}

/** Units held, by SKU and warehouse. */
type Held = ReadonlyMap<string, number>
type StockLook = { readonly found: ReadonlyMap<string, Difference>; readonly products: number }

/** Compares stock with reservations, and returns how many products there are. */
async function reconcileStock(sources: Sources, { pause, report }: ReconcileOptions): Promise<number> {
  let last = await lookAtStock(sources)
  for (let look = 2; last.found.size > 0 && look <= MOST_LOOKS; look++) {
    await pause()
    const before = last.found
    last = await lookAtStock(sources)
    const certain = [...last.found].filter(([key, { text }]) => before.get(key)?.text === text)
    if (certain.length < last.found.size && look < MOST_LOOKS) continue
    for (const [, difference] of certain) report(difference)
    break
  }
  return last.products
}

async function lookAtStock(sources: Sources): Promise<StockLook> {
  const held = await unitsHeld(sources)
  const found = new Map<string, Difference>()
  let products = 0
  for await (const product of sources.products()) {
    products++
    for (const difference of stockDifferences(product, held))
      found.set(`${difference.kind} ${difference.subject}`, difference)
  }
  return { found, products }
}

async function unitsHeld(sources: Sources): Promise<Held> {
  const held = new Map<string, number>()
  for await (const { allocations } of sources.reservations())
    for (const { sku, warehouse, quantity, shipped, status } of allocations) {
      if (status !== 'HELD' && status !== 'COMMITTED') continue
      const place = `${sku} in ${warehouse}`
      held.set(place, (held.get(place) ?? 0) + quantity - shipped)
    }
  return held
}

function stockDifferences({ sku, stock }: ProductDoc, held: Held): Difference[] {
  return stock.flatMap(({ warehouse, onHand, held: heldUnits }): Difference[] => {
    const subject = `${sku} in ${warehouse}`
    const reserved = held.get(subject) ?? 0
    if (onHand < 0 || heldUnits < 0 || heldUnits > onHand)
      return [{ kind: 'stock-impossible', subject, text: `${onHand} on hand, ${heldUnits} held` }]
    return heldUnits === reserved
      ? []
      : [
          {
            kind: 'stock-unlike-reservations',
            subject,
            text: `${heldUnits} held, ${reserved} in open reservations`,
          },
        ]
  })
}
