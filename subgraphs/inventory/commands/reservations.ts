// Mutations that only services call on an order's reservation: authorise, check, decide, answer. Free of rules.
import { requireRole } from '#platform/auth/viewer.ts'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { AggregateEvent } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  ReservationInput,
  ReserveStockInput,
  RestockInput,
  ShipStockInput,
} from '#schema/generated/inventory.ts'
import { commandOf, noteReached } from '#subgraphs/inventory/commands/command-context.ts'
import type { Inventory } from '#subgraphs/inventory/commands/dependencies.ts'
import {
  parseReservation,
  parseReserve,
  parseRestock,
  parseShip,
} from '#subgraphs/inventory/commands/input.ts'
import type { Allocation } from '#subgraphs/inventory/domain/allocation.ts'
import {
  allocationsOf,
  commit,
  isHeld,
  type ReserveRefusal,
  release,
  reserve,
  restock,
  type Stocks,
  ship,
} from '#subgraphs/inventory/domain/reservation.ts'
import type { StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import type { ReservationStatus } from '#subgraphs/inventory/queries/views.ts'

type Input<T> = { readonly input: T }
type Decided<R extends Refusal> = Decision<AggregateEvent<StockEvent>, R>
type Command<R extends Refusal> = {
  readonly mutation: string
  readonly idempotencyKey: string
  readonly skus: readonly string[]
  readonly body: Json
  readonly decide: (stocks: Stocks) => Decided<R>
  /** What the caller is told, now and when it repeats the command, of the stocks after it. */
  readonly outcome: (stocks: Stocks) => Json
}

export function reservationMutationsOf(inventory: Inventory) {
  return {
    async reserveStock(_: unknown, { input }: Input<ReserveStockInput>, context: RequestContext) {
      const handled = await carryOut(inventory, context, () => reserving(inventory, input))
      if (handled.status === 'refused') return reserveRefusal(handled.refusal)
      return { __typename: 'StockReserved' as const, allocations: allocationsIn(handled.outcome) }
    },

    async commitReservation(_: unknown, { input }: Input<ReservationInput>, context: RequestContext) {
      const at = inventory.now().toISOString()
      return answer(
        await carryOut(inventory, context, () => {
          const { orderId, skus } = parseReservation(input)
          return {
            ...named('commitReservation', input),
            skus,
            body: { orderId, skus },
            decide: stocks => commit(stocks, { orderId, at }),
            outcome: () => 'COMMITTED',
          }
        }),
      )
    },

    async releaseReservation(_: unknown, { input }: Input<ReservationInput>, context: RequestContext) {
      return answer(
        await carryOut(inventory, context, () => {
          const { orderId, skus } = parseReservation(input)
          return {
            ...named('releaseReservation', input),
            skus,
            body: { orderId, skus },
            decide: stocks => release(stocks, { orderId }),
            outcome: () => 'RELEASED',
          }
        }),
      )
    },

    async shipStock(_: unknown, { input }: Input<ShipStockInput>, context: RequestContext) {
      return answer(
        await carryOut(inventory, context, () => {
          const body = parseShip(input)
          return {
            ...named('shipStock', input),
            skus: body.lines.map(({ sku }) => sku),
            body,
            decide: stocks => ship(stocks, body),
            outcome: stocks => (isHeld(stocks, body.orderId) ? 'COMMITTED' : 'SHIPPED'),
          }
        }),
      )
    },

    async restock(_: unknown, { input }: Input<RestockInput>, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const body = parseRestock(input)
      const shippedFrom = await whereShippedFrom(inventory, body.orderId)
      return answer(
        await carryOut(inventory, context, () => ({
          ...named('restock', input),
          skus: body.lines.map(({ sku }) => sku),
          body,
          decide: stocks => restock(stocks, { ...body, shippedFrom }),
          outcome: () => 'SHIPPED',
        })),
      )
    },
  }
}

function named(mutation: string, { idempotencyKey }: { idempotencyKey: string }) {
  return { mutation, idempotencyKey }
}

function reserving(inventory: Inventory, input: ReserveStockInput): Command<ReserveRefusal> {
  const now = inventory.now()
  const body = parseReserve(input, now)
  return {
    ...named('reserveStock', input),
    skus: body.lines.map(({ sku }) => sku),
    body,
    decide: stocks => reserve(stocks, { ...body, at: now.toISOString(), quota: inventory.holdQuota }),
    outcome: stocks => allocationsOf(stocks, body.orderId),
  }
}

/** Says who may before it says what is wrong with the input. */
async function carryOut<R extends Refusal>(
  { stocks }: Inventory,
  context: RequestContext,
  parse: () => Command<R>,
) {
  const viewer = requireRole(context.viewer, 'service')
  const { decide, outcome, skus, ...asked } = parse()
  const command = commandOf(context, { viewer, ...asked })
  const handled = await stocks.handleMany(skus, command, decide, (_, after) => outcome(after))
  noteReached(context, handled)
  return handled
}

/** Of each SKU, the warehouse that shipped the most of it; a read model will do, as returns come long after. */
async function whereShippedFrom(
  { reservations }: Inventory,
  orderId: string,
): Promise<ReadonlyMap<string, string>> {
  const doc = await reservations.get(orderId)
  const shipped = (doc?.allocations ?? []).filter(units => units.shipped > 0)
  const least = shipped.toSorted((a, b) => a.shipped - b.shipped)
  return new Map(least.map(({ sku, warehouse }) => [sku, warehouse]))
}

type Handled<R extends Refusal> = Awaited<ReturnType<typeof carryOut<R>>>

function answer(handled: Handled<Refusal>) {
  if (handled.status === 'refused') return { __typename: 'ReservationRefused' as const, ...handled.refusal }
  return { __typename: 'ReservationChanged' as const, status: handled.outcome as ReservationStatus }
}

/** What `reserving` put on record: its own allocations. */
function allocationsIn(outcome: Json) {
  const allocations = outcome as readonly Allocation[]
  return allocations.map(({ sku, warehouse, quantity }) => ({
    sku,
    warehouse: { code: warehouse },
    quantity,
    shipped: 0,
  }))
}

function reserveRefusal(refused: ReserveRefusal) {
  switch (refused.code) {
    case 'INSUFFICIENT_STOCK':
      return { __typename: 'InsufficientStock' as const, ...refused }
    case 'PRODUCT_NOT_FOUND':
      return { __typename: 'NoSuchProduct' as const, ...refused }
    case 'RESERVATION_EXISTS':
      throw new CallerError('CONFLICT', refused.message)
  }
}
