// Mutations of operations staff on one product and its stock: authorise, check, decide, answer. Free of rules.
import { requireRole } from '#platform/auth/viewer.ts'
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  AddProductInput,
  AdjustStockInput,
  ChangePriceInput,
  SetLowStockThresholdInput,
} from '#schema/generated/inventory.ts'
import { commandOf, noteReached } from '#subgraphs/inventory/commands/command-context.ts'
import type { Inventory } from '#subgraphs/inventory/commands/dependencies.ts'
import {
  parseAddProduct,
  parseAdjustment,
  parseChangePrice,
  parseThreshold,
} from '#subgraphs/inventory/commands/input.ts'
import {
  type AdjustRefusal,
  addProduct,
  adjustStock,
  changePrice,
  type ProductNotFound,
  type Stock,
  type StockEvent,
  setLowStockThreshold,
} from '#subgraphs/inventory/domain/stock.ts'
import { type ProductSource, productOf } from '#subgraphs/inventory/queries/loaders.ts'

type Input<T> = { readonly input: T }
type Command<Body, R extends Refusal> = {
  readonly mutation: string
  readonly idempotencyKey: string
  readonly body: Body
  readonly decide: (stock: Stock) => Decision<StockEvent, R>
}

export function productMutationsOf(inventory: Inventory) {
  return {
    async addProduct(_: unknown, { input }: Input<AddProductInput>, context: RequestContext) {
      const answer = await carryOut(inventory, context, () => {
        const body = parseAddProduct(input)
        return { ...named('addProduct', input), body, decide: stock => addProduct(stock, body) }
      })
      return 'refused' in answer ? { __typename: 'ProductExists' as const, ...answer.refused } : answer
    },

    async changePrice(_: unknown, { input }: Input<ChangePriceInput>, context: RequestContext) {
      const answer = await carryOut(inventory, context, () => {
        const body = parseChangePrice(input)
        return { ...named('changePrice', input), body, decide: stock => changePrice(stock, body) }
      })
      return 'refused' in answer ? noSuchProduct(answer.refused) : answer
    },

    async adjustStock(_: unknown, { input }: Input<AdjustStockInput>, context: RequestContext) {
      const at = inventory.now().toISOString()
      const answer = await carryOut(inventory, context, () => {
        const body = parseAdjustment(input)
        return { ...named('adjustStock', input), body, decide: stock => adjustStock(stock, { ...body, at }) }
      })
      return 'refused' in answer ? adjustRefusal(answer.refused) : answer
    },

    async setLowStockThreshold(
      _: unknown,
      { input }: Input<SetLowStockThresholdInput>,
      context: RequestContext,
    ) {
      const answer = await carryOut(inventory, context, () => {
        const body = parseThreshold(input)
        const decide = (stock: Stock) => setLowStockThreshold(stock, body)
        return { ...named('setLowStockThreshold', input), body, decide }
      })
      return 'refused' in answer ? noSuchProduct(answer.refused) : answer
    },
  }
}

function named(mutation: string, { idempotencyKey }: { idempotencyKey: string }) {
  return { mutation, idempotencyKey }
}

type Answer<R extends Refusal> =
  | { readonly refused: R }
  | { readonly __typename: 'ProductChanged'; readonly product: ProductSource }

/** Says who may before it says what is wrong with the input; answers with the product as it is after the command. */
async function carryOut<Body extends { readonly sku: string } & Json, R extends Refusal>(
  { stocks }: Inventory,
  context: RequestContext,
  parse: () => Command<Body, R>,
): Promise<Answer<R>> {
  const viewer = requireRole(context.viewer, 'ops')
  const { decide, ...asked } = parse()
  const { sku } = asked.body
  const handled = await stocks.handle(sku, commandOf(context, { viewer, ...asked }), decide)
  noteReached(context, handled)
  if (handled.status === 'refused') return { refused: handled.refusal }
  const product = productOf(sku, (await stocks.load(sku)).state)
  if (!product) throw new Error(`a command on ${sku} was accepted, but there is no product`)
  return { __typename: 'ProductChanged', product }
}

function noSuchProduct(refused: ProductNotFound) {
  return { __typename: 'NoSuchProduct' as const, ...refused }
}

function adjustRefusal(refused: AdjustRefusal) {
  switch (refused.code) {
    case 'PRODUCT_NOT_FOUND':
      return noSuchProduct(refused)
    case 'STOCK_BELOW_RESERVED':
      return { __typename: 'StockBelowReserved' as const, ...refused }
    case 'STOCK_TOO_LARGE':
      throw new CallerError('BAD_USER_INPUT', refused.message)
  }
}
