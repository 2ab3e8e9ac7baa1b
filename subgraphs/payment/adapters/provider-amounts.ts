// Amounts as a provider writes them: decimal text and a currency, in its answers and its notices. Pure.
import type { z } from 'zod'
import { fromDecimal, type Money } from '#platform/domain/money.ts'

type Written = { readonly amount?: string | undefined; readonly currency?: string | undefined }

/** Nothing when there is no amount; otherwise both have to be there, and the amount may not be below zero. */
export function amountIn(
  { amount, currency }: Written,
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
