// Says in a sentence what became of a checkout or of a cancellation. The types tell what is read of each result.

type Money = { readonly amount: string; readonly currency: string }
type Placed<Name> = { readonly __typename: Name; readonly order: { readonly id: string } }
type Cancelled = { readonly cancelledOrder?: { readonly id: string } | null }
type Refused<Name> = {
  readonly __typename: Name
  readonly code: string
  readonly message: string
  readonly path?: readonly string[] | null
}

type CheckoutOutcome =
  | Placed<'OrderAccepted'>
  | Placed<'OrderPending'>
  | (Refused<'UnknownProduct'> & { readonly skus: readonly string[] })
  | (Refused<'UnknownCustomer'> & { readonly customerId: string })
  | (Refused<'OutOfStock'> &
      Cancelled & { readonly shortages: readonly { readonly sku: string; readonly available: number }[] })
  | (Refused<'PaymentDeclined'> & Cancelled & { readonly retryable: boolean })
  | (Refused<'TotalChanged'> & { readonly expected: Money; readonly actual: Money })
  | (Refused<'TenderMismatch'> & { readonly total: Money; readonly tendered: Money })
  | (Refused<'MixedCurrencies'> & { readonly currencies: readonly string[] })
  | (Refused<'OrderNotFulfilled'> & { readonly order: { readonly id: string } })
  | Refused<'InvalidInput'>
  | Refused<'IdempotencyConflict'>

type CancelOutcome =
  | Placed<'OrderCancelled'>
  | Placed<'CancellationPending'>
  | Refused<'CannotCancel'>
  | Refused<'InvalidInput'>
  | Refused<'IdempotencyConflict'>

/** Returns the id of the order that the result is about, if it is about one. */
export function orderIdOf(outcome: CheckoutOutcome): string | undefined {
  if ('order' in outcome) return outcome.order.id
  return 'cancelledOrder' in outcome ? outcome.cancelledOrder?.id : undefined
}

/** Begins with the result's type; a refusal follows with its code, the place in the input, and what is special about it. */
export function sentenceOf(outcome: CheckoutOutcome | CancelOutcome): string {
  const refusal = 'code' in outcome ? ` ${outcome.code} (${outcome.path?.join('.') ?? ''})` : ''
  return `${outcome.__typename}${refusal} ${detailsOf(outcome)}`.trim()
}

function detailsOf(outcome: CheckoutOutcome | CancelOutcome): string {
  switch (outcome.__typename) {
    case 'OrderAccepted':
    case 'OrderPending':
    case 'OrderCancelled':
    case 'CancellationPending':
    case 'OrderNotFulfilled':
      return ''
    case 'UnknownProduct':
      return `there is no ${outcome.skus.join()}`
    case 'UnknownCustomer':
      return `${outcome.customerId} is not registered`
    case 'OutOfStock':
      return outcome.shortages.map(({ sku, available }) => `${available} of ${sku} left`).join()
    case 'PaymentDeclined':
      return outcome.retryable ? 'may work later' : 'try another card'
    case 'TotalChanged':
      return `${text(outcome.actual)} instead of ${text(outcome.expected)}`
    case 'TenderMismatch':
      return `${text(outcome.tendered)} for ${text(outcome.total)}`
    case 'MixedCurrencies':
      return outcome.currencies.join()
    case 'CannotCancel':
    case 'InvalidInput':
    case 'IdempotencyConflict':
      return outcome.message
  }
}

/** Returns an amount as the screens show it. */
export function text({ amount, currency }: Money): string {
  return `${amount} ${currency}`
}
