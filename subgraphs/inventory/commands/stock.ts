// Executes commands on the stock of one SKU, or of all SKUs of an order at once.
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import type { Json } from '#platform/domain/json.ts'
import type { AggregateEvent, CommandResult } from '#platform/event-store/aggregate.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { commandContext, type MutationCall } from '#platform/subgraph/command-context.ts'
import type { StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import type { Stocks } from '#subgraphs/inventory/domain/reservation.ts'
import type { Stock, StockEvent } from '#subgraphs/inventory/domain/stock.ts'
import { type ProductSource, productOf } from '#subgraphs/inventory/queries/loaders.ts'

type ProductCommand<R extends Refusal> = MutationCall & {
  readonly body: Json & { readonly sku: string }
  readonly decide: (stock: Stock) => Decision<StockEvent, R>
}

/** Returns the product as it is after the command, or the refusal. */
export async function changeProduct<R extends Refusal>(
  stocks: StockRepository,
  { decide, ...call }: ProductCommand<R>,
  context: RequestContext,
): Promise<{ readonly product: ProductSource } | { readonly refused: R }> {
  const { sku } = call.body
  const handled = await stocks.handle(sku, commandContext(context, call), decide)
  context.consistency.reached('inventory', handled.position)
  if (handled.status === 'refused') return { refused: handled.refusal }
  const { state } = handled.repeated ? await stocks.load(sku) : handled
  const product = productOf(sku, state)
  if (!product) throw new Error(`a command on ${sku} was accepted, but there is no product`)
  return { product }
}

type ReservationCommand<R extends Refusal> = MutationCall & {
  readonly skus: readonly string[]
  readonly decide: (stocks: Stocks) => Decision<AggregateEvent<StockEvent>, R>
  /** Returns the result for the caller, now and for every repeat, from the stocks after the command. */
  readonly outcome: (stocks: Stocks) => Json
}

/** Decides on the stocks of all `skus`: all of them change, or none. */
export async function changeReservation<R extends Refusal>(
  stocks: StockRepository,
  { skus, decide, outcome, ...call }: ReservationCommand<R>,
  context: RequestContext,
): Promise<CommandResult<R>> {
  const command = commandContext(context, call)
  const handled = await stocks.handleMany(skus, command, decide, (_, after) => outcome(after))
  context.consistency.reached('inventory', handled.position)
  return handled
}
