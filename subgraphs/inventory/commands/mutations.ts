// Resolves the mutations of inventory: authorises the caller, checks the input, executes the command, maps the result.
import { requireRole } from '#platform/auth/viewer.ts'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type { AggregateEvent, CommandResult } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { commandContext } from '#platform/subgraph/command-context.ts'
import type { CommandDependencies } from '#subgraphs/inventory/commands/dependencies.ts'
import { handleInFamily, type Joining } from '#subgraphs/inventory/commands/family-append.ts'
import {
  readAddProduct,
  readAdjustment,
  readChangePrice,
  readDescribe,
  readReservation,
  readReserve,
  readRestock,
  readShip,
  readThreshold,
} from '#subgraphs/inventory/commands/input.ts'
import type { Allocation, Line } from '#subgraphs/inventory/domain/allocation.ts'
import type { FamilyClash } from '#subgraphs/inventory/domain/family.ts'
import {
  describeProduct,
  type FamilyPlace,
  type ProductNotFound,
} from '#subgraphs/inventory/domain/product.ts'
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
  type Stock,
  type StockEvent,
  setLowStockThreshold,
} from '#subgraphs/inventory/domain/stock.ts'
import { productOf } from '#subgraphs/inventory/queries/loaders.ts'
import type { ReservationDoc, ReservationStatus } from '#subgraphs/inventory/queries/views.ts'

type Args<Input> = { readonly input: Input }
type Keyed = { readonly idempotencyKey: string }

export function createMutations(dependencies: CommandDependencies) {
  return { ...productMutations(dependencies), ...reservationMutations(dependencies) }
}

/** The mutations of operations staff on products and their stock. */
function productMutations(dependencies: CommandDependencies) {
  return {
    addProduct: productMutation(dependencies, 'addProduct', {
      read: readAddProduct,
      decide: addProduct,
      refused: refusal => ({ __typename: 'ProductExists' as const, ...refusal }),
    }),
    describeProduct: productMutation(dependencies, 'describeProduct', {
      read: readDescribe,
      decide: describeProduct,
      refused: noSuchProduct,
    }),
    changePrice: productMutation(dependencies, 'changePrice', {
      read: readChangePrice,
      decide: changePrice,
      refused: noSuchProduct,
    }),
    adjustStock: productMutation(dependencies, 'adjustStock', {
      read: readAdjustment,
      decide: adjustStock,
      refused: adjustmentRefused,
    }),
    setLowStockThreshold: productMutation(dependencies, 'setLowStockThreshold', {
      read: readThreshold,
      decide: setLowStockThreshold,
      refused: noSuchProduct,
    }),
  }
}

type ProductCommand<Input, Body, R extends Refusal, Refused> = {
  readonly read: (input: Input) => Body
  readonly decide: (
    stock: Stock,
    command: Body & { readonly at: string; readonly place?: FamilyPlace | undefined },
  ) => Decision<StockEvent, R | FamilyClash>
  readonly refused: (refusal: R) => Refused
}

/** The mutation returns the product as it is after the command, or the refusal. */
function productMutation<
  Input extends Keyed,
  Body extends JsonObject & { readonly sku: string; readonly joins?: Joining },
  R extends Refusal,
  Refused,
>(
  dependencies: CommandDependencies,
  mutation: string,
  { read, decide, refused }: ProductCommand<Input, Body, R, Refused>,
) {
  return async (_: unknown, { input }: Args<Input>, context: RequestContext) => {
    requireRole(context.viewer, 'ops')
    const { stocks, now } = dependencies
    const body = read(input)
    const { sku, joins } = body
    const at = now().toISOString()
    const command = commandContext(context, { mutation, idempotencyKey: input.idempotencyKey, body })
    const decided = (stock: Stock, place?: FamilyPlace) => decide(stock, { ...body, at, place })
    const handled = joins
      ? await handleInFamily(dependencies, { sku, joins, command, decide: decided })
      : await stocks.handle(sku, command, stock => decided(stock))
    context.consistency.reached('inventory', handled.position)
    if (handled.status === 'refused') {
      if (!isFamilyClash(handled.refusal)) return refused(handled.refusal)
      throw new CallerError('BAD_USER_INPUT', `options: ${handled.refusal.message}`, { field: 'options' })
    }
    const { state } = handled.repeated ? await stocks.load(sku) : handled
    const product = productOf(sku, state)
    if (!product) throw new Error(`a command on ${sku} was accepted, but there is no product`)
    return { __typename: 'ProductChanged' as const, product }
  }
}

/** The mutations on an order's reservation, which only services may call. */
function reservationMutations(dependencies: CommandDependencies) {
  const { reservations, holdQuota: quota } = dependencies
  return {
    reserveStock: reservationMutation(dependencies, 'reserveStock', {
      read: readReserve,
      decider: (body, at) => stocks => reserve(stocks, { ...body, at, quota }),
      outcome: (after, { orderId }) => allocationsOf(after, orderId),
      result: stockReserved,
    }),
    commitReservation: reservationMutation(dependencies, 'commitReservation', {
      read: readReservation,
      decider: (body, at) => stocks => commit(stocks, { ...body, at }),
      outcome: () => 'COMMITTED',
      result: reservationChanged,
    }),
    releaseReservation: reservationMutation(dependencies, 'releaseReservation', {
      read: readReservation,
      decider: body => stocks => release(stocks, body),
      outcome: () => 'RELEASED',
      result: reservationChanged,
    }),
    shipStock: reservationMutation(dependencies, 'shipStock', {
      read: readShip,
      decider: body => stocks => ship(stocks, body),
      outcome: (after, { orderId }) => (isHeld(after, orderId) ? 'COMMITTED' : 'SHIPPED'),
      result: reservationChanged,
    }),
    restock: reservationMutation(dependencies, 'restock', {
      read: readRestock,
      async decider(body) {
        const shippedFrom = shippingWarehouses(await reservations.get(body.orderId))
        return stocks => restock(stocks, { ...body, shippedFrom })
      },
      outcome: () => 'SHIPPED',
      result: reservationChanged,
    }),
  }
}

type ReservationBody = { readonly orderId: string } & (
  | { readonly skus: readonly string[] }
  | { readonly lines: readonly Line[] }
)
type ReservationDecider<R extends Refusal> = (stocks: Stocks) => Decision<AggregateEvent<StockEvent>, R>
type ReservationCommand<Input, Body, R extends Refusal, Result> = {
  readonly read: (input: Input, now: Date) => Body
  readonly decider: (body: Body, at: string) => ReservationDecider<R> | Promise<ReservationDecider<R>>
  /** Returns what is recorded for the caller and for every repeat, from the stocks after the command. */
  readonly outcome: (after: Stocks, body: Body) => Json
  readonly result: (handled: CommandResult<R>) => Result
}

/** The mutation changes the stocks of all SKUs that its input names, or none. */
function reservationMutation<Input extends Keyed, Body extends ReservationBody, R extends Refusal, Result>(
  { stocks, now }: CommandDependencies,
  mutation: string,
  { read, decider, outcome, result }: ReservationCommand<Input, Body, R, Result>,
) {
  return async (_: unknown, { input }: Args<Input>, context: RequestContext) => {
    requireRole(context.viewer, 'service')
    const at = now()
    const body = read(input, at)
    const skus = 'skus' in body ? body.skus : body.lines.map(({ sku }) => sku)
    const decide = await decider(body, at.toISOString())
    const command = commandContext(context, { mutation, idempotencyKey: input.idempotencyKey, body })
    const handled = await stocks.handleMany(skus, command, decide, (_, after) => outcome(after, body))
    context.consistency.reached('inventory', handled.position)
    return result(handled)
  }
}

/** Returns by SKU the warehouse that shipped the most of it. A read model will do, as returns come long after. */
function shippingWarehouses(doc: ReservationDoc | undefined): ReadonlyMap<string, string> {
  const shipped = (doc?.allocations ?? []).filter(units => units.shipped > 0)
  const ascending = shipped.toSorted((a, b) => a.shipped - b.shipped)
  return new Map(ascending.map(({ sku, warehouse }) => [sku, warehouse]))
}

function noSuchProduct(refused: ProductNotFound) {
  return { __typename: 'NoSuchProduct' as const, ...refused }
}

function isFamilyClash(refusal: Refusal): refusal is FamilyClash {
  return refusal.code === 'FAMILY_CLASH'
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

function stockReserved(handled: CommandResult<ReserveRefusal>) {
  if (handled.status === 'accepted')
    return { __typename: 'StockReserved' as const, allocations: allocationsIn(handled.outcome) }
  const { refusal } = handled
  switch (refusal.code) {
    case 'INSUFFICIENT_STOCK':
      return { __typename: 'InsufficientStock' as const, ...refusal }
    case 'PRODUCT_NOT_FOUND':
      return noSuchProduct(refusal)
    case 'RESERVATION_EXISTS':
      throw new CallerError('CONFLICT', refusal.message)
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
