// Resolves the mutations of inventory: authorises the caller, checks the input, executes the command, maps the result.
import { requireRole } from '#platform/auth/viewer.ts'
import type { Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { CommandResult } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  AddProductInput,
  AdjustStockInput,
  ChangePriceInput,
  ReservationInput,
  ReserveStockInput,
  RestockInput,
  SetLowStockThresholdInput,
  ShipStockInput,
} from '#schema/generated/inventory.ts'
import type { CommandDependencies } from '#subgraphs/inventory/commands/dependencies.ts'
import {
  readAddProduct,
  readAdjustment,
  readChangePrice,
  readReservation,
  readReserve,
  readRestock,
  readShip,
  readThreshold,
} from '#subgraphs/inventory/commands/input.ts'
import { changeProduct, changeReservation } from '#subgraphs/inventory/commands/stock.ts'
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
import {
  type AdjustRefusal,
  addProduct,
  adjustStock,
  changePrice,
  type ProductNotFound,
  type Stock,
  setLowStockThreshold,
} from '#subgraphs/inventory/domain/stock.ts'
import type { ProductSource } from '#subgraphs/inventory/queries/loaders.ts'
import type { ReservationDoc, ReservationStatus } from '#subgraphs/inventory/queries/views.ts'

type Args<Input> = { readonly input: Input }

export function createMutations(dependencies: CommandDependencies) {
  return { ...productMutations(dependencies), ...reservationMutations(dependencies) }
}

/** The mutations of operations staff on products and their stock. */
function productMutations({ stocks, now }: CommandDependencies) {
  return {
    async addProduct(_: unknown, { input }: Args<AddProductInput>, context: RequestContext) {
      requireRole(context.viewer, 'ops')
      const body = readAddProduct(input)
      const decide = (stock: Stock) => addProduct(stock, body)
      const changed = await changeProduct(stocks, { ...call('addProduct', input), body, decide }, context)
      return 'refused' in changed
        ? { __typename: 'ProductExists' as const, ...changed.refused }
        : productChanged(changed)
    },

    async changePrice(_: unknown, { input }: Args<ChangePriceInput>, context: RequestContext) {
      requireRole(context.viewer, 'ops')
      const body = readChangePrice(input)
      const decide = (stock: Stock) => changePrice(stock, body)
      const changed = await changeProduct(stocks, { ...call('changePrice', input), body, decide }, context)
      return 'refused' in changed ? noSuchProduct(changed.refused) : productChanged(changed)
    },

    async adjustStock(_: unknown, { input }: Args<AdjustStockInput>, context: RequestContext) {
      requireRole(context.viewer, 'ops')
      const body = readAdjustment(input)
      const at = now().toISOString()
      const decide = (stock: Stock) => adjustStock(stock, { ...body, at })
      const changed = await changeProduct(stocks, { ...call('adjustStock', input), body, decide }, context)
      return 'refused' in changed ? adjustmentRefused(changed.refused) : productChanged(changed)
    },

    async setLowStockThreshold(
      _: unknown,
      { input }: Args<SetLowStockThresholdInput>,
      context: RequestContext,
    ) {
      requireRole(context.viewer, 'ops')
      const body = readThreshold(input)
      const decide = (stock: Stock) => setLowStockThreshold(stock, body)
      const command = { ...call('setLowStockThreshold', input), body, decide }
      const changed = await changeProduct(stocks, command, context)
      return 'refused' in changed ? noSuchProduct(changed.refused) : productChanged(changed)
    },
  }
}

/** The mutations on an order's reservation, which only services may call. */
function reservationMutations(dependencies: CommandDependencies) {
  const { stocks, now } = dependencies
  return {
    reserveStock: (_: unknown, { input }: Args<ReserveStockInput>, context: RequestContext) =>
      reserveStock(dependencies, input, context),

    async commitReservation(_: unknown, { input }: Args<ReservationInput>, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const { orderId, skus } = readReservation(input)
      const at = now().toISOString()
      const command = {
        ...call('commitReservation', input),
        skus,
        body: { orderId, skus },
        decide: (current: Stocks) => commit(current, { orderId, at }),
        outcome: () => 'COMMITTED',
      }
      return reservationChanged(await changeReservation(stocks, command, context))
    },

    async releaseReservation(_: unknown, { input }: Args<ReservationInput>, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const { orderId, skus } = readReservation(input)
      const command = {
        ...call('releaseReservation', input),
        skus,
        body: { orderId, skus },
        decide: (current: Stocks) => release(current, { orderId }),
        outcome: () => 'RELEASED',
      }
      return reservationChanged(await changeReservation(stocks, command, context))
    },

    async shipStock(_: unknown, { input }: Args<ShipStockInput>, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const body = readShip(input)
      const command = {
        ...call('shipStock', input),
        skus: body.lines.map(({ sku }) => sku),
        body,
        decide: (current: Stocks) => ship(current, body),
        outcome: (next: Stocks) => (isHeld(next, body.orderId) ? 'COMMITTED' : 'SHIPPED'),
      }
      return reservationChanged(await changeReservation(stocks, command, context))
    },

    restock: (_: unknown, { input }: Args<RestockInput>, context: RequestContext) =>
      restockUnits(dependencies, input, context),
  }
}

async function reserveStock(
  { stocks, now, holdQuota }: CommandDependencies,
  input: ReserveStockInput,
  context: RequestContext,
) {
  requireRole(context.viewer, 'service')
  const at = now()
  const body = readReserve(input, at)
  const command = {
    ...call('reserveStock', input),
    skus: body.lines.map(({ sku }) => sku),
    body,
    decide: (current: Stocks) => reserve(current, { ...body, at: at.toISOString(), quota: holdQuota }),
    outcome: (next: Stocks) => allocationsOf(next, body.orderId),
  }
  const handled = await changeReservation(stocks, command, context)
  if (handled.status === 'refused') return reservationRefused(handled.refusal)
  return { __typename: 'StockReserved' as const, allocations: allocationsIn(handled.outcome) }
}

async function restockUnits(
  { stocks, reservations }: CommandDependencies,
  input: RestockInput,
  context: RequestContext,
) {
  requireRole(context.viewer, 'service')
  const body = readRestock(input)
  const shippedFrom = shippingWarehouses(await reservations.get(body.orderId))
  const command = {
    ...call('restock', input),
    skus: body.lines.map(({ sku }) => sku),
    body,
    decide: (current: Stocks) => restock(current, { ...body, shippedFrom }),
    outcome: () => 'SHIPPED',
  }
  return reservationChanged(await changeReservation(stocks, command, context))
}

/** Returns by SKU the warehouse that shipped the most of it. A read model will do, as returns come long after. */
function shippingWarehouses(doc: ReservationDoc | undefined): ReadonlyMap<string, string> {
  const shipped = (doc?.allocations ?? []).filter(units => units.shipped > 0)
  const ascending = shipped.toSorted((a, b) => a.shipped - b.shipped)
  return new Map(ascending.map(({ sku, warehouse }) => [sku, warehouse]))
}

function call(mutation: string, { idempotencyKey }: { readonly idempotencyKey: string }) {
  return { mutation, idempotencyKey }
}

function productChanged({ product }: { readonly product: ProductSource }) {
  return { __typename: 'ProductChanged' as const, product }
}

function noSuchProduct(refused: ProductNotFound) {
  return { __typename: 'NoSuchProduct' as const, ...refused }
}

function adjustmentRefused(refused: AdjustRefusal) {
  switch (refused.code) {
    case 'PRODUCT_NOT_FOUND':
      return noSuchProduct(refused)
    case 'STOCK_BELOW_RESERVED':
      return { __typename: 'StockBelowReserved' as const, ...refused }
    case 'STOCK_TOO_LARGE':
      throw new CallerError('BAD_USER_INPUT', refused.message)
  }
}

function reservationChanged(handled: CommandResult<Refusal>) {
  if (handled.status === 'refused') return { __typename: 'ReservationRefused' as const, ...handled.refusal }
  return { __typename: 'ReservationChanged' as const, status: handled.outcome as ReservationStatus }
}

function reservationRefused(refused: ReserveRefusal) {
  switch (refused.code) {
    case 'INSUFFICIENT_STOCK':
      return { __typename: 'InsufficientStock' as const, ...refused }
    case 'PRODUCT_NOT_FOUND':
      return noSuchProduct(refused)
    case 'RESERVATION_EXISTS':
      throw new CallerError('CONFLICT', refused.message)
  }
}

/** The outcome that `reserveStock` recorded: its own allocations. */
function allocationsIn(outcome: Json) {
  const allocations = outcome as readonly Allocation[]
  return allocations.map(({ sku, warehouse, quantity }) => ({
    sku,
    warehouse: { code: warehouse },
    quantity,
    shipped: 0,
  }))
}
