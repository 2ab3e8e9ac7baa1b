// Compares the services order by order and SKU by SKU; what differs is looked at again before it is reported.
import type { ProductDoc } from '#subgraphs/inventory/queries/views.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { compare, type Difference, type OrderRecords } from '#tools/reconcile/compare.ts'
import type { Sources } from '#tools/reconcile/sources.ts'

export type ReconcileOptions = {
  /** Waits between two looks at what differs. */
  readonly pause: () => Promise<void>
  readonly now: () => number
  /** Called with each difference once it is certain. */
  readonly report: (difference: Difference) => void
}

export type Summary = {
  readonly orders: number
  readonly products: number
  readonly differences: number
  /** Orders that differed and changed at each look: they are on their way, and nothing is said of them. */
  readonly inMotion: number
}

/** Looks at an order, the first included. */
const MOST_LOOKS = 6
/** Orders that wait for their second look; memory is bounded by them. */
const BATCH = 1_000
/** For so long a request to the payment provider without an answer explains what differs. */
const PROVIDER_PATIENCE_MS = 15 * 60_000

/** Reports every difference that stays the same from one look to the next. Memory: 1,000 orders, and the stock that is held. */
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

/** An order that differs; `signature` says how, and is empty for one that does not. */
type Suspect = { readonly orderId: string; readonly signature: string }

function signatureOf(facts: OrderRecords, now: number): string {
  const differences = isWaitingForProvider(facts, now) ? [] : compare(facts)
  return differences.length === 0 ? '' : JSON.stringify(differences)
}

function isWaitingForProvider({ order, payment }: OrderRecords, now: number): boolean {
  if (!order || !payment || outstanding(payment).length === 0) return false
  return now - Date.parse(payment.updatedAt) < PROVIDER_PATIENCE_MS
}

/** Returns how many are still changing after the last look. */
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

/** Units that are held, by SKU and warehouse. */
type Held = ReadonlyMap<string, number>
type StockLook = { readonly found: ReadonlyMap<string, Difference>; readonly products: number }

/** Returns how many products there are. */
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
