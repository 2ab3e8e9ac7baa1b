// The query shippingQuote of the mobile graph: weighs a basket by the catalogue, and asks what sending it costs.
import { type InputPath, type InputRefusal, refusalOf, withPath } from '#bff/graph/refusals.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { whole } from '#bff/pages/pages.ts'
import { productPage } from '#bff-mobile/resolvers/pages.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isSku } from '#platform/domain/sku.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { ShippingQuoteInput } from '#schema/generated/bff-mobile.ts'
import { type ProductQuery, ShippingQuoteDocument } from '#schema/generated/bff-mobile-operations.ts'

const MAX_LINES = 100

type Product = NonNullable<ProductQuery['product']>

/** Returns what an order of the basket would be charged, or a refusal. The products come out of the cache when they can. */
export async function quoteShipping(pages: Pages, input: ShippingQuoteInput, context: RequestContext) {
  try {
    return await quote(pages, input, context)
  } catch (failure) {
    const refusal = refusalOf(failure, {
      input: { ...input, goods: input.lines, option: input.shippingOption },
    })
    if (refusal === undefined) throw failure
    return ownRefusal(refusal)
  }
}

async function quote(pages: Pages, input: ShippingQuoteInput, context: RequestContext) {
  const { lines, country, postalCode, shippingOption } = input
  if (lines.length < 1 || lines.length > MAX_LINES)
    throw new CallerError(
      'BAD_USER_INPUT',
      `lines: should be 1 to ${MAX_LINES} entries; got ${lines.length}`,
      {
        field: 'lines',
      },
    )
  const products = await Promise.all(lines.map(({ sku }) => readProduct(pages, sku, context)))
  const skus = lines.flatMap(({ sku }, index) => (products[index] ? [] : [sku]))
  if (skus.length > 0) return withPath(unknownProduct(skus), { input })
  const found = products.filter(product => product !== undefined)
  const currencies = [...new Set(found.map(({ price }) => price.currency))]
  const [currency = '', ...others] = currencies
  if (others.length > 0) return withPath(mixedCurrencies(currencies), { input })
  const goods = found.map((product, index) => goodsOf(product, lines[index]?.quantity ?? 0))
  const variables = {
    input: { country, postalCode: postalCode ?? null, goods, option: shippingOption, currency },
  }
  const { quoteShipping: result } = await pages.run(ShippingQuoteDocument, variables, context)
  return withPath(result, { input: { ...input, goods } })
}

/** Returns undefined when there is no such product. */
async function readProduct(pages: Pages, sku: string, context: RequestContext): Promise<Product | undefined> {
  if (!isSku(sku)) return undefined
  return whole(await pages.read(productPage, { sku, details: true }, context))?.product ?? undefined
}

function goodsOf({ sku, weightGrams, dimensions }: Product, quantity: number) {
  if (weightGrams === undefined || dimensions === undefined)
    throw new CallerError('UNAVAILABLE', `the weight of ${sku} is not known at the moment`)
  return { quantity, weightGrams, dimensions }
}

function unknownProduct(skus: readonly string[]) {
  const message = `Not in the catalogue: ${skus.join(', ')}.`
  return { __typename: 'UnknownProduct' as const, code: 'PRODUCT_UNKNOWN', message, skus }
}

function mixedCurrencies(currencies: readonly string[]) {
  const message = `The products have prices in ${currencies.join(' and ')}; order them apart.`
  return { __typename: 'MixedCurrencies' as const, code: 'CURRENCIES_MIXED', message, currencies }
}

const OWN_NAMES: Readonly<Record<string, string>> = { goods: 'lines', option: 'shippingOption' }

/** Names the place of the input as this graph does. */
function ownRefusal(refusal: InputRefusal): InputRefusal {
  return { ...refusal, path: refusal.path && ownPath(refusal.path) }
}

function ownPath([input = '', field = '', ...rest]: InputPath): InputPath {
  return [input, OWN_NAMES[field] ?? field, ...rest]
}
