// Requests shipping quotes, and caches each until it is no longer valid.
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { CallerError } from '#platform/domain/errors.ts'
import type { Money } from '#platform/domain/money.ts'
import type { GraphqlClient } from '#platform/graphql/client/client.ts'
import { type MoneyText, moneyIn } from '#platform/graphql/scalars.ts'
import { OPERATIONS } from '#subgraphs/orders/adapters/operations.ts'
import type { ShippingOption } from '#subgraphs/orders/domain/events.ts'
import type { Goods } from '#subgraphs/orders/domain/pricing.ts'

type QuoteRequest = {
  readonly country: string
  readonly postalCode?: string
  readonly goods: readonly Goods[]
  readonly option: ShippingOption
  readonly currency: string
}

export type ShippingQuotes = {
  /** Returns the fee. Throws CallerError BAD_USER_INPUT when the country is not served or the goods are too heavy. */
  fee(request: QuoteRequest): Promise<Money>
}

type Quote = { readonly fee: Money; readonly validUntil: number }
type QuoteResult =
  | { readonly __typename: 'ShippingQuote'; readonly fee: MoneyText; readonly validUntil: string }
  | { readonly __typename: 'NotShippable'; readonly code: string; readonly message: string }

const MAX_QUOTES = 10_000

/** Concurrent requests for the same quote share one query. */
export function createShippingQuotes(client: GraphqlClient, now: () => Date): ShippingQuotes {
  const quotes = new LRUCache<string, Promise<Quote>>({ max: MAX_QUOTES })

  function ask(key: string, request: QuoteRequest): Promise<Quote> {
    const asked = requestQuote(client, request)
    quotes.set(key, asked)
    asked.catch(() => {
      if (quotes.peek(key) === asked) quotes.delete(key)
    })
    return asked
  }

  return {
    async fee(request) {
      const key = keyOf(request)
      const known = quotes.get(key)
      const quote = await known
      if (quote && quote.validUntil > now().getTime()) return quote.fee
      const newer = quotes.peek(key)
      return (await (newer && newer !== known ? newer : ask(key, request))).fee
    },
  }
}

/** Returns the cache key of a quote, which is a hash and so equally short for any number of lines. */
function keyOf({ country, postalCode, goods, option, currency }: QuoteRequest): string {
  const sizes = goods.map(({ quantity, weightGrams, dimensions: { lengthCm, widthCm, heightCm } }) =>
    [quantity, weightGrams, lengthCm, widthCm, heightCm].join(' '),
  )
  const whole = JSON.stringify([country, postalCode, option, currency, ...sizes.sort()])
  return createHash('sha256').update(whole).digest('base64url')
}

async function requestQuote(client: GraphqlClient, input: QuoteRequest): Promise<Quote> {
  const { data } = await client.request<{ quoteShipping: QuoteResult }>({
    document: OPERATIONS.quoteShipping.document,
    variables: { input },
    idempotent: true,
  })
  const quote = data.quoteShipping
  if (quote.__typename === 'NotShippable')
    throw new CallerError('BAD_USER_INPUT', `${fieldOf(quote)}: ${quote.message}`, { refusal: quote.code })
  return { fee: moneyIn(quote.fee), validUntil: Date.parse(quote.validUntil) }
}

function fieldOf({ code }: { readonly code: string }): string {
  return code === 'TOO_HEAVY' ? 'lines' : 'deliveryAddress'
}
