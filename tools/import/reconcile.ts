// Reads every imported order back through the web BFF, waits for each to come to rest, and adds up money and units.
import { setTimeout as delay } from 'node:timers/promises'
import { fromDecimal } from '#platform/domain/money.ts'
import type { Fate } from '#tools/import/olist.ts'
import { createPatience, type Patience } from '#tools/import/patience.ts'
import type { Progress } from '#tools/import/progress.ts'
import type { Placement } from '#tools/import/replay.ts'
import { inParallel, type WebClient } from '#tools/import/web-client.ts'

const ORDER = `query ImportedOrder($id: ID!) {
  orderPage(id: $id) {
    status
    total { amount currency }
    reservation { status allocations { quantity shipped } }
    payments { amount { amount currency } authorised { amount currency } captured { amount currency } refunded { amount currency } }
  }
}`

type MoneyText = { readonly amount: string; readonly currency: string }
type OrderAnswer = {
  readonly orderPage: {
    readonly status: string
    readonly total: MoneyText
    readonly reservation: {
      readonly status: string
      readonly allocations: readonly { readonly quantity: number; readonly shipped: number }[]
    } | null
    readonly payments: readonly {
      readonly amount: MoneyText
      readonly authorised: MoneyText
      readonly captured: MoneyText
      readonly refunded: MoneyText
    }[]
  } | null
}

/** Sums in minor units and in units of stock. */
export type Sums = {
  placed: number
  authorised: number
  captured: number
  refunded: number
  reserved: number
  shipped: number
  released: number
  held: number
}

export type Reconciliation = {
  readonly byStatus: ReadonlyMap<string, number>
  readonly actual: Sums
  readonly expected: Sums
  /** Orders that did not come to where the plan says, with what they are instead. */
  readonly differences: readonly string[]
}

const RESTING_STATUS: Readonly<Record<Fate, string>> = {
  delivered: 'COMPLETED',
  shipped: 'SHIPPED',
  held: 'CONFIRMED',
  cancelled: 'CANCELLED',
}
/** A busy system may take long over many orders, and brings some to rest all the while. */
const REST_PATIENCE_MS = 180_000

function noSums(): Sums {
  return { placed: 0, authorised: 0, captured: 0, refunded: 0, reserved: 0, shipped: 0, released: 0, held: 0 }
}

/**
 * What an order of this fate must come to: money is taken as goods leave, the authorisation of a cancelled order is let
 * go, and that of an order that waits is kept.
 */
function expectedOf({ order }: Placement): Sums {
  const { totalMinor: total, units, fate } = order
  const leaves = fate === 'delivered' || fate === 'shipped'
  return {
    placed: total,
    authorised: fate === 'cancelled' ? 0 : total, // what was let go no longer counts
    captured: leaves ? total : 0,
    refunded: 0,
    reserved: units,
    shipped: leaves ? units : 0,
    released: fate === 'cancelled' ? units : 0,
    held: fate === 'held' ? units : 0,
  }
}

function actualOf(page: NonNullable<OrderAnswer['orderPage']>): Sums {
  const minor = (money: MoneyText) => fromDecimal(money.amount, money.currency).minor
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  const allocations = page.reservation?.allocations ?? []
  const reserved = total(allocations.map(allocation => allocation.quantity))
  const shipped = total(allocations.map(allocation => allocation.shipped))
  const givenBack = page.reservation?.status === 'RELEASED' || page.reservation?.status === 'EXPIRED'
  return {
    placed: minor(page.total),
    authorised: total(page.payments.map(payment => minor(payment.authorised))),
    captured: total(page.payments.map(payment => minor(payment.captured))),
    refunded: total(page.payments.map(payment => minor(payment.refunded))),
    reserved,
    shipped,
    released: givenBack ? reserved - shipped : 0,
    held: givenBack ? 0 : reserved - shipped,
  }
}

/**
 * Waits for each order to come to rest, until none has for three minutes. An order that was refused counts as a
 * difference.
 */
export async function reconcile(
  web: WebClient,
  placements: readonly Placement[],
  width: number,
  progress: Progress,
): Promise<Reconciliation> {
  const byStatus = new Map<string, number>()
  const [actual, expected] = [noSums(), noSums()]
  const differences: string[] = []
  const patience = createPatience(REST_PATIENCE_MS)
  await inParallel(placements, width, async placement => {
    add(expected, expectedOf(placement))
    const page = placement.id ? await orderAtRest(web, placement, placement.id, patience) : undefined
    if (page) add(actual, actualOf(page))
    const status = page?.status ?? 'REFUSED'
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1)
    const wanted = RESTING_STATUS[placement.order.fate]
    const faults = page ? differingSums(actualOf(page), expectedOf(placement)) : []
    if (status !== wanted || faults.length > 0)
      differences.push(
        `order ${placement.order.sourceId}: ${status}, expected ${wanted}${faults.length > 0 ? `; ${faults.join(', ')}` : ''}${placement.refusal ? `; ${placement.refusal}` : ''}`,
      )
    progress.step()
  })
  return { byStatus, actual, expected, differences }
}

async function orderAtRest(
  web: WebClient,
  placement: Placement,
  id: string,
  patience: Patience,
): Promise<NonNullable<OrderAnswer['orderPage']> | undefined> {
  for (let wait = 50; ; wait = Math.min(wait * 2, 2000)) {
    const { orderPage } = await web.send<OrderAnswer>(ORDER, { id })
    const rested =
      orderPage?.status === RESTING_STATUS[placement.order.fate] &&
      differingSums(actualOf(orderPage), expectedOf(placement)).length === 0
    if (rested) patience.renew()
    if (rested || patience.isOver()) return orderPage ?? undefined
    await delay(wait)
  }
}

function differingSums(actual: Sums, expected: Sums): string[] {
  const names = Object.keys(actual) as (keyof Sums)[]
  return names
    .filter(name => actual[name] !== expected[name])
    .map(name => `${name} ${actual[name]}, expected ${expected[name]}`)
}

function add(sums: Sums, more: Sums): void {
  for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += more[name]
}
