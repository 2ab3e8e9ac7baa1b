// The carrier port: book, cancel, collect, and the notices it sends back. Adapters: carrier.*.ts. Free of any transport.
import { z } from 'zod'
import type { Address, Label, ShippingOption } from '#subgraphs/shipping/domain/shipment.ts'

export type Booking = {
  /** The shipment id: the idempotency key of the booking, and the `reference` of every notice about it. */
  readonly reference: string
  readonly option: ShippingOption
  readonly weightGrams: number
  readonly address: Address
  readonly instructions: string | null
}

export type BookingAnswer =
  | ({ readonly status: 'booked' } & Label)
  | { readonly status: 'refused'; readonly code: string; readonly message: string }

export type CollectAnswer = 'collected' | 'cancelled' | 'unknown'

/** A reference is booked at most once. Every call may be repeated; one that gets no answer throws CallerError UNAVAILABLE. */
export interface Carrier extends AsyncDisposable {
  /** Takes the parcel on. The same reference again gives the same answer and no second label. */
  book(booking: Booking): Promise<BookingAnswer>
  /** `cancelled`: it never will be collected, or never was booked. `collected`: too late. */
  cancel(reference: string): Promise<'cancelled' | 'collected'>
  /** Has the parcel collected now; a DISPATCHED notice follows. `collected` also when it was before. */
  collect(reference: string): Promise<CollectAnswer>
}

/** Notices in one webhook call, at most. */
export const MAX_NOTICES = 100

const instant = z.iso.datetime({ offset: true }).transform(text => new Date(text).toISOString())

/** The body of POST /webhooks/carrier. `id` names a notice for ever: repeating it changes nothing. */
export const noticesSchema = z.object({
  id: z.string().min(1).max(100),
  events: z
    .array(
      z.object({
        id: z.string().min(1).max(100),
        reference: z.string().min(1).max(100),
        trackingNumber: z.string().min(1).max(64),
        status: z.enum(['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'LOST']),
        text: z.string().min(1).max(500),
        at: instant,
        estimatedDelivery: instant.nullish(),
      }),
    )
    .min(1)
    .max(MAX_NOTICES),
})
export type CarrierNotices = z.infer<typeof noticesSchema>
export type CarrierNotice = CarrierNotices['events'][number]

/** What answers, with 503, a call of which some notices could not be kept: the others need not come again. */
export const failedSchema = z.object({ error: z.object({ failed: z.array(z.string()).max(MAX_NOTICES) }) })
