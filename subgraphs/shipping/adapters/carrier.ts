// Defines the carrier port: book, cancel, collect, and the notices that the carrier sends.
import { z } from 'zod'
import { mendedText, storableText } from '#platform/webhooks/text.ts'
import type { Address, Label, ShippingOption } from '#subgraphs/shipping/domain/shipment.ts'

export type Booking = {
  /** The shipment id: the idempotency key of the booking, and the `reference` of every notice about it. */
  readonly reference: string
  readonly option: ShippingOption
  readonly weightGrams: number
  readonly address: Address
  readonly instructions: string | null
}

export type BookingResponse =
  | ({ readonly status: 'booked' } & Label)
  | { readonly status: 'refused'; readonly code: string; readonly message: string }

export type CollectResponse = 'collected' | 'cancelled' | 'unknown'

/** A reference is booked at most once. Every call may be repeated; one without a response throws CallerError UNAVAILABLE. */
export interface Carrier extends AsyncDisposable {
  /** Books the parcel. A repeat with the same reference gets the same response and no second label. */
  book(booking: Booking): Promise<BookingResponse>
  /** `cancelled`: it never will be collected, or never was booked. `collected`: too late. */
  cancel(reference: string): Promise<'cancelled' | 'collected'>
  /** Has the parcel collected now; a DISPATCHED notice follows. `collected` also when it was before. */
  collect(reference: string): Promise<CollectResponse>
}

/** The most notices in one webhook call. */
export const MAX_NOTICES = 100

const instant = z.iso
  .datetime({ offset: true, error: 'should be an instant of ISO 8601, such as 2026-11-30T15:00:00Z' })
  .refine(text => !Number.isNaN(Date.parse(text)), 'is no time that there is')
  .transform(text => new Date(text).toISOString())

const STATUSES = ['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'LOST'] as const

/** One notice. Its `id` never changes, and a repeat changes nothing. */
export const noticeSchema = z.object({
  id: storableText(100),
  reference: storableText(100),
  trackingNumber: storableText(64),
  status: z.enum(STATUSES, { error: `should be one of ${STATUSES.join(', ')}` }),
  text: mendedText(500),
  at: instant,
  estimatedDelivery: instant.nullish(),
})
export type CarrierNotice = z.infer<typeof noticeSchema>

/** The body of POST /webhooks/carrier. Each of its events is a notice, and is read by itself. */
export const deliverySchema = z.object({
  id: z.string().min(1).max(100),
  events: z.array(z.unknown()).min(1).max(MAX_NOTICES),
})
export type CarrierNotices = { readonly id: string; readonly events: readonly CarrierNotice[] }

/** The 503 response to a call of which some notices could not be recorded: only these are to be sent again. */
export const failedSchema = z.object({ error: z.object({ failed: z.array(z.string()).max(MAX_NOTICES) }) })
