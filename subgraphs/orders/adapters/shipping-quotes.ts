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

type QuoteResult =
  | { readonly __typename: 'ShippingQuote'; readonly fee: MoneyText; readonly validUntil: string }
  | { readonly __typename: 'NotShippable'; readonly code: string; readonly message: string }

const MAX_QUOTES = 10_000

/** Concurrent requests for the same quote share one query. */
export function createShippingQuotes(client: GraphqlClient, now: () => Date): ShippingQuotes {
  const quotes = new LRUCache<string, Money, QuoteRequest>({
    max: MAX_QUOTES,
    perf: { now: () => now().getTime() },
    ttlResolution: 0,
    ignoreFetchAbort: true, // whoever waits for a quote gets it, even if it was pushed out of the cache meanwhile
    async fetchMethod(_key, _stale, { context, options }) {
      const { fee, validUntil } = await requestQuote(client, context)
      // A value is stale after its time to live, and a quote when it ends. No time to live would be for ever.
      options.ttl = Math.max(Date.parse(validUntil) - now().getTime() - 1, 1) || 1
      return moneyIn(fee)
    },
  })
  return { fee: request => quotes.forceFetch(keyOf(request), { context: request }) }
}

/** Returns the cache key of a quote, which is a hash and so equally short for any number of lines. */
function keyOf({ country, postalCode, goods, option, currency }: QuoteRequest): string {
  const sizes = goods.map(({ quantity, weightGrams, dimensions: { lengthCm, widthCm, heightCm } }) =>
    [quantity, weightGrams, lengthCm, widthCm, heightCm].join(' '),
  )
  const whole = JSON.stringify([country, postalCode, option, currency, ...sizes.sort()])
  return createHash('sha256').update(whole).digest('base64url')
}

async function requestQuote(client: GraphqlClient, input: QuoteRequest) {
  const { data } = await client.request<{ quoteShipping: QuoteResult }>({
    document: OPERATIONS.quoteShipping.document,
    variables: { input },
    idempotent: true,
  })
  const quote = data.quoteShipping
  if (quote.__typename === 'NotShippable')
    throw new CallerError('BAD_USER_INPUT', `${fieldOf(quote)}: ${quote.message}`, { refusal: quote.code })
  return quote
}

function fieldOf({ code }: { readonly code: string }): string {
  return code === 'TOO_HEAVY' ? 'lines' : 'deliveryAddress'
}
