// The payment provider port: authorise, capture, void, refund, and the notices it sends. Adapters: payment-provider.*.ts.
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
/** With `providerRef` only that authorisation is meant; without, whatever the tender has, or comes to have. */
type VoidCall = ProviderCall & { readonly providerRef?: string }

/** `code` is the provider's, in lower snake case: insufficient_funds. `retryable`: the same may work later. */
type DeclinedResponse = {
  readonly status: 'declined'
  readonly code: string
  readonly retryable: boolean
}

/**
 * `amount` is what the provider says that it authorised or moved: what was asked for, when it says nothing. Nothing is
 * captured under an authorisation from `expiresAt` on. `pending`: a notice will say how the approval went.
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
 * Every call may be repeated: the same idempotency key has one effect and one answer, for ever. A call whose answer is
 * not known throws CallerError UNAVAILABLE; it may have taken effect. `signal` gives up waiting, not the effect.
 */
export interface PaymentProvider extends AsyncDisposable {
  /** After a void of the same tender it is declined. */
  authorise(call: AuthoriseCall, signal?: AbortSignal): Promise<AuthoriseResponse>
  /** Declined when it is more than is authorised and not captured or void; `authorisation_expired` when it is too late. */
  capture(call: MoveCall, signal?: AbortSignal): Promise<MoveResponse>
  /** Declined when it is more than is captured and not refunded. */
  refund(call: MoveCall, signal?: AbortSignal): Promise<MoveResponse>
  /** Lets go of what is authorised and not captured; with nothing authorised, sees to it that nothing will be. */
  void(call: VoidCall, signal?: AbortSignal): Promise<VoidResponse>
}

export const refText = storableText(200)
/** Any offset, as a UTC instant. */
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
    /** Of a decline. */
    code: codeText.optional(),
    retryable: z.boolean().optional(),
  })
  .transform(({ amount, currency, ...notice }, context) => ({
    ...notice,
    ...amountIn({ amount, currency }, context),
  }))
export type ProviderNotice = Readonly<z.infer<typeof noticeSchema>>
