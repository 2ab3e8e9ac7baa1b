// Defines the payment provider port: authorise, capture, void, refund, and the notices that the provider sends.
import { z } from 'zod'
import type { Money } from '#platform/domain/money.ts'
import { storableText } from '#platform/webhooks/text.ts'
import type { TenderKind } from '#subgraphs/payment/domain/events.ts'
import { amountIn } from './provider-amounts.ts'

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

/** `code` is the provider's, in lower snake case: insufficient_funds. `retryable`: the same may work later. */
type DeclinedResponse = {
  readonly status: 'declined'
  readonly code: string
  readonly retryable: boolean
}

/**
 * `amount` is the amount that the provider reports as authorised or moved: the requested one by default. Nothing is
 * captured under an authorisation from `expiresAt` on. After `pending` a notice reports the outcome of the approval.
 */
export type AuthoriseResponse =
  | {
      readonly status: 'approved'
      readonly providerRef: string
      readonly amount?: Money
      readonly expiresAt?: string
    }
  | { readonly status: 'pending'; readonly providerRef: string }
  | DeclinedResponse
export type MoveResponse = { readonly status: 'approved'; readonly amount?: Money } | DeclinedResponse
export type VoidResponse = { readonly status: 'approved' } | DeclinedResponse

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
