// Reads every imported order back through the web BFF, waits until it has settled, and adds up money and units.
import { setTimeout as delay } from 'node:timers/promises'
import { fromDecimal } from '#platform/domain/money.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'
import type { Outcome } from '#tools/import/mapping.ts'
import type { Progress } from '#tools/import/progress.ts'
import { isPassing, type Placement, placeOrder, type Replay } from '#tools/import/replay.ts'
import { inParallel, NoResponse } from '#tools/import/web-client.ts'

const ORDER = `query ImportedOrder($id: ID!) {
  order(id: $id) {
    status
    cancellation { reason }
    total { amount currency }
    reservation { status allocations { quantity shipped } }
    payments { amount { amount currency } authorised { amount currency } captured { amount currency } refunded { amount currency } }
  }
}`

type OrderAnswer = {
  readonly order: {
    readonly status: string
    readonly cancellation: { readonly reason: string } | null
    readonly total: MoneyText
    readonly reservation: {
      readonly status: string
      readonly allocations: readonly { readonly quantity: number; readonly shipped: number }[]
    } | null
    readonly payments:
      | readonly {
          readonly amount: MoneyText
          readonly authorised: MoneyText
          readonly captured: MoneyText
          readonly refunded: MoneyText
        }[]
      | null
  } | null
}

/** `secured` is the authorised and `taken` the captured amount, each less refunds. */
export const MONEY_SUMS = ['placed', 'secured', 'taken'] as const
export const UNIT_SUMS = ['reserved', 'shipped', 'released', 'held'] as const
const SUM_NAMES = [...MONEY_SUMS, ...UNIT_SUMS]
/** Sums in minor units and in units of stock. */
export type Sums = Record<(typeof SUM_NAMES)[number], number>

type Placed = Extract<Placement, { status: 'placed' }>

/** Says whether an order ended as planned, differs, or is unknown because the server was away. */
type CheckedOrder = {
  readonly placement: Placement
  readonly verdict: 'as planned' | 'differs' | 'unknown'
  readonly difference?: string
}
export type ImportCheck = {
  readonly byStatus: ReadonlyMap<string, number>
  readonly actual: Sums
  readonly expected: Sums
  readonly orders: readonly CheckedOrder[]
}

const RESTING_STATUS: Readonly<Record<Outcome, string>> = {
  delivered: 'COMPLETED',
  shipped: 'SHIPPED',
  held: 'CONFIRMED',
  cancelled: 'CANCELLED',
}
/** A busy system may need long for many orders, and settles some all the time. */
const REST_PATIENCE_MS = 180_000

function noSums(): Sums {
  return { placed: 0, secured: 0, taken: 0, reserved: 0, shipped: 0, released: 0, held: 0 }
}

/**
 * Returns what an order of this outcome must end with. The money of shipped goods is captured; that of a cancelled
 * order is released or refunded; that of a waiting order may be captured already, as CAPTURE_AT says.
 */
function expectedOf({ order }: Placement, { taken }: Sums): Sums {
  const { totalMinor: total, units, outcome } = order
  const leaves = outcome === 'delivered' || outcome === 'shipped'
  const isTaken = leaves || (outcome === 'held' && taken === total)
  return {
    placed: total,
    secured: outcome === 'cancelled' ? 0 : total,
    taken: isTaken ? total : 0,
    reserved: units,
    shipped: leaves ? units : 0,
    released: outcome === 'cancelled' ? units : 0,
    held: outcome === 'held' ? units : 0,
  }
}

type Order = NonNullable<OrderAnswer['order']>

function actualOf(page: Order): Sums {
  const minor = (money: MoneyText) => fromDecimal(money.amount, money.currency).minor
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  const allocations = page.reservation?.allocations ?? []
  const payments = page.payments ?? []
  const reserved = total(allocations.map(allocation => allocation.quantity))
  const shipped = total(allocations.map(allocation => allocation.shipped))
  const givenBack = page.reservation?.status === 'RELEASED' || page.reservation?.status === 'EXPIRED'
  const refunded = total(payments.map(payment => minor(payment.refunded)))
  return {
    placed: minor(page.total),
    secured: total(payments.map(payment => minor(payment.authorised))) - refunded,
    taken: total(payments.map(payment => minor(payment.captured))) - refunded,
    reserved,
    shipped,
    released: givenBack ? reserved - shipped : 0,
    held: givenBack ? 0 : reserved - shipped,
  }
}

/**
 * Waits for each placed order to end as planned, until none has for three minutes. An order that was
 * cancelled for a passing reason is placed again under its next key.
 */
export async function checkOrders(
  replay: Replay,
  placements: readonly Placement[],
  progress: Progress,
): Promise<ImportCheck> {
  const check = { byStatus: new Map<string, number>(), actual: noSums(), expected: noSums() }
  const orders: CheckedOrder[] = []
  const patience = createIdleTimeout(REST_PATIENCE_MS)
  await inParallel(placements, replay.width, async placement => {
    if (placement.status !== 'placed') return
    const { placement: last, page } = await atRest(replay, placement, patience)
    const checked = judge(last, page)
    orders.push(checked)
    progress.step(checked.verdict === 'as planned' ? 'done' : 'failed')
    if (page === 'unknown' || page === 'absent') return
    const actual = actualOf(page)
    add(check.actual, actual)
    add(check.expected, expectedOf(last, actual))
    check.byStatus.set(page.status, (check.byStatus.get(page.status) ?? 0) + 1)
  })
  progress.end()
  return { ...check, orders }
}

type IdleTimeout = {
  hasExpired(): boolean
  /** Restarts the timeout: something has arrived. */
  renew(): void
}

/** Expires when nothing has arrived for `ms`. Callers share it, so what arrives for one renews it for all. */
export function createIdleTimeout(ms: number, now: () => number = () => performance.now()): IdleTimeout {
  let until = now() + ms
  return {
    hasExpired: () => now() > until,
    renew() {
      until = now() + ms
    },
  }
}

/** Returns `unknown` when the platform does not respond. */
type Page = Order | 'absent' | 'unknown'

async function atRest(
  replay: Replay,
  first: Placed,
  patience: IdleTimeout,
): Promise<{ readonly placement: Placement; readonly page: Page }> {
  let placement: Placement = first
  for (let wait = 50; placement.status === 'placed'; wait = Math.min(wait * 2, 2000)) {
    const page = await readOrder(replay, placement.id)
    const isAsPlanned = typeof page === 'object' && differenceOf(placement, page) === undefined
    if (isAsPlanned) patience.renew()
    if (isAsPlanned || page === 'unknown' || patience.hasExpired()) return { placement, page }
    if (isLost(page)) placement = await placeOrder(replay, placement.order, placement.keyNumber + 1)
    else await delay(wait)
  }
  return { placement, page: 'unknown' }
}

function isLost(page: Page): boolean {
  return typeof page === 'object' && page.status === 'CANCELLED' && isPassing(page.cancellation)
}

async function readOrder({ web }: Replay, id: string): Promise<Page> {
  try {
    const { order } = await web.send<OrderAnswer>(ORDER, { id })
    return order ?? 'absent'
  } catch (error) {
    if (error instanceof NoResponse) return 'unknown'
    throw error
  }
}

function judge(placement: Placement, page: Page): CheckedOrder {
  if (placement.status !== 'placed' || page === 'unknown') return { placement, verdict: 'unknown' }
  if (page === 'absent')
    return { placement, verdict: 'differs', difference: `there is no order ${placement.id}` }
  const difference = differenceOf(placement, page)
  return difference === undefined
    ? { placement, verdict: 'as planned' }
    : { placement, verdict: 'differs', difference: `${placement.id} is ${difference}` }
}

/** Returns how the order differs from the plan; undefined when it does not. */
function differenceOf(placement: Placed, page: Order): string | undefined {
  const wanted = RESTING_STATUS[placement.order.outcome]
  const actual = actualOf(page)
  const expected = expectedOf(placement, actual)
  const differing = SUM_NAMES.filter(name => actual[name] !== expected[name]).map(
    name => `${name} ${actual[name]}, expected ${expected[name]}`,
  )
  if (page.status === wanted && differing.length === 0) return undefined
  return [`${page.status}, expected ${wanted}`, ...differing].join('; ')
}

function add(sums: Sums, more: Sums): void {
  for (const name of SUM_NAMES) sums[name] += more[name]
}
