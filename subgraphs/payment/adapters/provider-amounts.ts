// Parses amounts in a provider's responses and notices: decimal text and a currency.
import type { z } from 'zod'
import { fromDecimal, type Money } from '#platform/domain/money.ts'

type AmountText = { readonly amount?: string | undefined; readonly currency?: string | undefined }

/** Returns undefined without an amount. An amount needs a currency and must not be negative. */
export function amountIn(
  { amount, currency }: AmountText,
  context: z.RefinementCtx,
): { readonly amount?: Money } {
  if (amount === undefined && currency === undefined) return {}
  try {
    const money = fromDecimal(amount ?? '', currency ?? '')
    if (money.minor >= 0) return { amount: money }
    context.addIssue({ code: 'custom', message: 'the amount should not be below zero', path: ['amount'] })
  } catch (cause) {
    const message = cause instanceof RangeError ? cause.message : 'is no amount'
    context.addIssue({ code: 'custom', message, path: ['amount'] })
  }
  return {}
}
