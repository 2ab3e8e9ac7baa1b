// Implements the sandbox carrier: takes bookings, moves parcels by the clock, and sends notices as a real one does.
import { createHash } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'
import type { DeliverySettings, WebhookDelivery } from '#platform/webhooks/delivery.ts'
import { createNotices } from '#subgraphs/shipping/adapters/sandbox-notices.ts'
import { deliveryDays } from '#subgraphs/shipping/domain/tariff.ts'
import type { Booking, BookingResponse, Carrier, CollectResponse } from './carrier.ts'
import { type NewParcel, openParcels, type Parcels } from './sandbox-parcels.postgres.ts'
import { type Scenario, scenarioOf } from './sandbox-scenarios.ts'

const DAY_MS = 86_400_000

export type SandboxCarrierOptions = DeliverySettings & {
  readonly databaseUrl: string
  /** The time between two steps of a parcel. */
  readonly stepMs: number
}

/** It moves parcels and sends notices of it from `start` to `stop`, after which bookings still work. Disposing stops it, too. */
export type SandboxCarrier = Carrier & Pick<WebhookDelivery, 'start' | 'stop'>

type Sandbox = SandboxCarrierOptions & Pick<WebhookDelivery, 'expect'> & { readonly parcels: Parcels }

/** Opens the sandbox. Its parcels are durable: any process that opens the same database continues them. */
export async function openSandboxCarrier(options: SandboxCarrierOptions): Promise<SandboxCarrier> {
  const parcels = await openParcels(options.databaseUrl, options.logger)
  const { start, stop, expect } = createNotices({ ...options, parcels })
  const sandbox: Sandbox = { ...options, parcels, expect }
  return {
    book: booking => book(booking, sandbox),
    cancel: reference => cancel(reference, sandbox),
    collect: reference => collect(reference, sandbox),
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await parcels[Symbol.asyncDispose]()
    },
  }
}

async function book(booking: Booking, sandbox: Sandbox): Promise<BookingResponse> {
  const scenario = scenarioOf(booking.instructions)
  const days = deliveryDays(booking.address.country, booking.option)
  if (scenario.booking === 'down') throw unavailable()
  if (scenario.booking === 'refused')
    return { status: 'refused', code: 'ADDRESS_REFUSED', message: 'The carrier does not deliver there.' }
  if (days === undefined)
    return {
      status: 'refused',
      code: 'COUNTRY_NOT_SERVED',
      message: 'The carrier does not serve this country.',
    }
  const parcel = newParcel(booking, { scenario, days }, sandbox)
  const fresh = await sandbox.parcels.book(parcel)
  if (fresh && parcel.collection) sandbox.expect(parcel.collection)
  if (fresh && scenario.booking === 'answer-lost-once') throw unavailable()
  const known = fresh ? parcel : await sandbox.parcels.find(booking.reference)
  if (!known) throw unavailable()
  const { trackingNumber, estimatedDelivery } = known
  return { status: 'booked', trackingNumber, estimatedDelivery: estimatedDelivery.toISOString() }
}

function newParcel(
  { reference }: Booking,
  { scenario, days }: { readonly scenario: Scenario; readonly days: number },
  sandbox: Sandbox,
): NewParcel {
  const at = sandbox.now().getTime()
  const atOnce = scenario.pace === 'at-once'
  return {
    reference,
    trackingNumber: trackingNumberOf(reference),
    journey: scenario.journey,
    atOnce,
    estimatedDelivery: new Date(at + days * DAY_MS),
    collection: scenario.held ? null : new Date(atOnce ? at : at + sandbox.stepMs),
  }
}

async function cancel(reference: string, { parcels, now }: Sandbox): Promise<'cancelled' | 'collected'> {
  await parcels.cancel(reference, now())
  const parcel = await parcels.find(reference)
  return parcel?.collected ? 'collected' : 'cancelled'
}

async function collect(reference: string, { parcels, now, expect }: Sandbox): Promise<CollectResponse> {
  const at = now()
  await parcels.collect(reference, at)
  expect(at)
  const parcel = await parcels.find(reference)
  if (!parcel) return 'unknown'
  return parcel.cancelled ? 'cancelled' : 'collected'
}

/** Returns the same number for a reference each time. */
function trackingNumberOf(reference: string): string {
  return `SB${createHash('sha256').update(reference).digest('hex').slice(0, 16).toUpperCase()}`
}

function unavailable(): CallerError {
  return new CallerError('UNAVAILABLE', 'The carrier does not answer. Try again.')
}
