// Mutations of operations staff on one product and its stock: authorise, check, decide, answer. Free of rules.
import { requireRole } from '#platform/auth/viewer.ts'
import type { Decision } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { commandOf, noteReached } from '#subgraphs/inventory/commands.ts'
import {
  type AdjustRefusal,
  addProduct,
  adjustStock,
  changePrice,
  type ProductRefusal,
  type Stock,
  type StockEvent,
  setLowStockThreshold,
} from '#subgraphs/inventory/domain/stock.ts'
import {
  type AddProductInput,
  type AdjustStockInput,
  type ChangePriceInput,
  parseAddProduct,
  parseAdjustment,
  parseChangePrice,
  parseThreshold,
  type SetLowStockThresholdInput,
} from '#subgraphs/inventory/input.ts'
import type { Inventory } from '#subgraphs/inventory/inventory.ts'
import { type ProductSource, productOf } from '#subgraphs/inventory/products.ts'

type Input<T> = { readonly input: T }
type Command<Body> = {
  readonly mutation: string
  readonly idempotencyKey: string
  readonly body: Body
  readonly decide: (stock: Stock) => Decision<StockEvent, ProductRefusal | AdjustRefusal>
}

export function productMutationsOf(inventory: Inventory) {
  return {
    addProduct(_: unknown, { input }: Input<AddProductInput>, context: RequestContext) {
      return carryOut(inventory, context, () => {
        const body = parseAddProduct(input)
        return { ...named('addProduct', input), body, decide: stock => addProduct(stock, body) }
      })
    },

    changePrice(_: unknown, { input }: Input<ChangePriceInput>, context: RequestContext) {
      return carryOut(inventory, context, () => {
        const body = parseChangePrice(input)
        return { ...named('changePrice', input), body, decide: stock => changePrice(stock, body) }
      })
    },

    adjustStock(_: unknown, { input }: Input<AdjustStockInput>, context: RequestContext) {
      return carryOut(inventory, context, () => {
        const body = parseAdjustment(input)
        const at = inventory.now().toISOString()
        return { ...named('adjustStock', input), body, decide: stock => adjustStock(stock, { ...body, at }) }
      })
    },

    setLowStockThreshold(_: unknown, { input }: Input<SetLowStockThresholdInput>, context: RequestContext) {
      return carryOut(inventory, context, () => {
        const body = parseThreshold(input)
        return {
          ...named('setLowStockThreshold', input),
          body,
          decide: stock => setLowStockThreshold(stock, body),
        }
      })
    },
  }
}

function named(mutation: string, { idempotencyKey }: { idempotencyKey: string }) {
  return { mutation, idempotencyKey }
}

/** Says who may before it says what is wrong with the input; answers with the product as it is after the command. */
async function carryOut<Body extends { readonly sku: string } & Json>(
  { stocks }: Inventory,
  context: RequestContext,
  parse: () => Command<Body>,
) {
  const viewer = requireRole(context.viewer, 'ops')
  const { decide, ...asked } = parse()
  const { sku } = asked.body
  const handled = await stocks.handle(sku, commandOf(context, { viewer, ...asked }), decide)
  noteReached(context, handled)
  if (handled.status === 'refused') return refusal(handled.refusal)
  return changed(productOf(sku, (await stocks.load(sku)).state))
}

function changed(product: ProductSource | null) {
  return { __typename: 'ProductChanged' as const, product }
}

function refusal(refused: ProductRefusal | AdjustRefusal) {
  switch (refused.code) {
    case 'PRODUCT_EXISTS':
      return { __typename: 'ProductExists' as const, ...refused }
    case 'PRODUCT_NOT_FOUND':
      return { __typename: 'NoSuchProduct' as const, ...refused }
    case 'STOCK_BELOW_RESERVED':
      return { __typename: 'StockBelowReserved' as const, ...refused }
    case 'STOCK_TOO_LARGE':
      throw new CallerError('BAD_USER_INPUT', refused.message)
  }
}
