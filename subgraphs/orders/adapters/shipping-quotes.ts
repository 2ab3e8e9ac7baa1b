// What shipping costs: shipping's quotes, kept until they are no longer valid. Free of pricing.
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
  /** The fee. Throws CallerError BAD_USER_INPUT when the carrier does not go there, or not with so much. */
  fee(request: QuoteRequest): Promise<Money>
}

type Quote = { readonly fee: Money; readonly validUntil: number }
type Answer =
  | { readonly __typename: 'ShippingQuote'; readonly fee: MoneyText; readonly validUntil: string }
  | { readonly __typename: 'NotShippable'; readonly code: string; readonly message: string }

const MAX_QUOTES = 10_000

/** A quote is asked for once for all who want the same at the same time. */
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

/** The key of a quote, as short for 100 lines as for one. */
function keyOf({ country, postalCode, goods, option, currency }: QuoteRequest): string {
  const sizes = goods.map(({ quantity, weightGrams, dimensions: { lengthCm, widthCm, heightCm } }) =>
    [quantity, weightGrams, lengthCm, widthCm, heightCm].join(' '),
  )
  const whole = JSON.stringify([country, postalCode, option, currency, ...sizes.sort()])
  return createHash('sha256').update(whole).digest('base64url')
}

async function requestQuote(client: GraphqlClient, input: QuoteRequest): Promise<Quote> {
  const { data } = await client.request<{ quoteShipping: Answer }>({
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
