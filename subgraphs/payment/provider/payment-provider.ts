// The payment provider port: authorise, capture, void, refund, and the notices it sends. Adapters: payment-provider.*.ts.
import { z } from 'zod'
import type { Money } from '#platform/domain/money.ts'
import { storableText } from '#platform/webhooks/text.ts'
import type { TenderKind } from '#subgraphs/payment/domain/events.ts'

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
export type VoidCall = ProviderCall & { readonly providerRef?: string }

const refText = storableText(200)
const declined = z.object({
  status: z.literal('declined'),
  /** In the provider's words, lower snake case: insufficient_funds. */
  code: storableText(100),
  /** True when the same token may work later. */
  retryable: z.boolean(),
})
export const authoriseAnswerSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('approved'), providerRef: refText }),
  /** A notice will say how the approval went. */
  z.object({ status: z.literal('pending'), providerRef: refText }),
  declined,
])
export const moveAnswerSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('approved') }),
  declined,
])
export const voidAnswerSchema = z.object({ status: z.literal('approved') })
export type AuthoriseAnswer = Readonly<z.infer<typeof authoriseAnswerSchema>>
export type MoveAnswer = Readonly<z.infer<typeof moveAnswerSchema>>

/**
 * Every call may be repeated: the same idempotency key has one effect and one answer, for ever. A call whose answer is
 * not known throws CallerError UNAVAILABLE; it may have taken effect. `signal` gives up waiting, not the effect.
 */
export interface PaymentProvider extends AsyncDisposable {
  /** After a void of the same tender it is declined. */
  authorise(call: AuthoriseCall, signal?: AbortSignal): Promise<AuthoriseAnswer>
  /** Declined when it is more than is authorised and not captured or void. */
  capture(call: MoveCall, signal?: AbortSignal): Promise<MoveAnswer>
  /** Declined when it is more than is captured and not refunded. */
  refund(call: MoveCall, signal?: AbortSignal): Promise<MoveAnswer>
  /** Lets go of what is authorised and not captured; with nothing authorised, sees to it that nothing will be. */
  void(call: VoidCall, signal?: AbortSignal): Promise<void>
}

/** The body of POST /webhooks/payment. `id` names a notice for ever: repeating it changes nothing. */
export const noticeSchema = z.object({
  id: refText,
  type: z.enum(['payment.approved', 'payment.declined']),
  reference: refText,
  tenderId: refText,
  providerRef: refText,
  /** Of a decline. */
  code: storableText(100).optional(),
  retryable: z.boolean().optional(),
})
export type ProviderNotice = Readonly<z.infer<typeof noticeSchema>>
