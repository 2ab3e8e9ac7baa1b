// Defines the payment provider port: authorise, capture, void, refund, and the notices that the provider sends.
import { z } from 'zod'
import { fromDecimal, type Money } from '#platform/domain/money.ts'
import { storableText } from '#platform/webhooks/text.ts'
import type { AuthorisationResponse, Declined } from '#subgraphs/payment/domain/authorisation-responses.ts'
import type { TenderKind } from '#subgraphs/payment/domain/events.ts'
import type { MovementResponse } from '#subgraphs/payment/domain/movement-responses.ts'

/** `reference` is the payment id; with the tender id it names one authorisation. */
export type ProviderCall = {
  readonly idempotencyKey: string
  readonly reference: string
  readonly tenderId: string
}
export type AuthoriseCall = ProviderCall & {
  readonly kind: TenderKind
  readonly token: string
  readonly amount: Money
}
export type MoveCall = ProviderCall & { readonly amount: Money }
/** Voids the authorisation `providerRef`; without it, any authorisation that the tender has or will get. */
type VoidCall = ProviderCall & { readonly providerRef?: string }

/** Nothing is captured under an authorisation from `expiresAt` on. After `pending` a notice reports the approval's outcome. */
export type AuthoriseResponse = AuthorisationResponse['said']
export type MoveResponse = MovementResponse['said']
export type VoidResponse = { readonly status: 'approved' } | Declined

/**
 * Every call may be repeated: the same idempotency key has one effect and one response, for ever. A call whose response is
 * not known throws CallerError UNAVAILABLE; it may have taken effect. `signal` gives up waiting, not the effect.
 */
export interface PaymentProvider extends AsyncDisposable {
  /** Declined after a void of the same tender. */
  authorise(call: AuthoriseCall, signal?: AbortSignal): Promise<AuthoriseResponse>
  /** Declined when it is more than is authorised and not captured or void; `authorisation_expired` when it is too late. */
  capture(call: MoveCall, signal?: AbortSignal): Promise<MoveResponse>
  /** Declined when it is more than is captured and not refunded. */
  refund(call: MoveCall, signal?: AbortSignal): Promise<MoveResponse>
  /** Voids what is authorised and not captured; with nothing authorised, prevents a later authorisation. */
  void(call: VoidCall, signal?: AbortSignal): Promise<VoidResponse>
}

export const refText = storableText(200)
/** Accepts any offset, and converts to a UTC instant. */
export const instantText = z.iso.datetime({ offset: true }).transform(text => new Date(text).toISOString())
export const codeText = storableText(100)

type AmountText = { readonly amount?: string | undefined; readonly currency?: string | undefined }

/**
 * Parses the amount in a response or notice: decimal text and its currency. Returns undefined without an amount. An
 * amount needs a currency and must not be negative.
 */
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

/**
 * The body of POST /webhooks/payment. `id` names a notice for ever: repeating it changes nothing. `amount` and `currency`
 * are what was approved, and `expiresAt` is when that ends, if the provider says so.
 */
export const noticeSchema = z
  .object({
    id: refText,
    type: z.enum(['payment.approved', 'payment.declined']),
    reference: refText,
    tenderId: refText,
    providerRef: refText,
    amount: z.string().optional(),
    currency: z.string().optional(),
    expiresAt: instantText.optional(),
    /** The code of a decline. */
    code: codeText.optional(),
    retryable: z.boolean().optional(),
  })
  .transform(({ amount, currency, ...notice }, context) => ({
    ...notice,
    ...amountIn({ amount, currency }, context),
  }))
export type ProviderNotice = Readonly<z.infer<typeof noticeSchema>>
