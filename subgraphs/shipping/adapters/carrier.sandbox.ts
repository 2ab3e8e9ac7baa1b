// The carrier that ships with Waybill: takes bookings, moves parcels by the clock, and sends the notices a real one would.
import { createHash } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { deliveryDays } from '#subgraphs/shipping/domain/tariff.ts'
import type { Booking, BookingAnswer, Carrier, CollectAnswer } from './carrier.ts'
import { type Rounds, startRounds } from './sandbox-notices.ts'
import { type NewParcel, openParcels, type Parcels } from './sandbox-parcels.postgres.ts'
import { type Scenario, scenarioOf } from './sandbox-scenarios.ts'

const DAY_MS = 86_400_000

export type SandboxCarrierOptions = {
  readonly databaseUrl: string
  readonly webhookSecret: string
  /** Between two steps of a parcel. */
  readonly stepMs: number
  readonly now: () => Date
  readonly logger: Logger
}

export type SandboxCarrier = Carrier & {
  /** From now on parcels move, and `webhookUrl` is told. Called once. */
  start(webhookUrl: string): void
  /** Parcels move no more; what is under way is settled. Calls still work. Part of disposing. */
  stop(): Promise<void>
}

type Depot = SandboxCarrierOptions & { readonly parcels: Parcels; readonly expect: (at: Date) => void }

/** Durable: whatever was booked goes on where it stood, by any process that opens the same database. */
export async function openSandboxCarrier(options: SandboxCarrierOptions): Promise<SandboxCarrier> {
  const parcels = await openParcels(options.databaseUrl, options.logger)
  let rounds: Rounds | undefined
  const stop = async (): Promise<void> => {
    const running = rounds
    rounds = undefined
    await running?.[Symbol.asyncDispose]()
  }
  const depot: Depot = { ...options, parcels, expect: at => rounds?.expect(at) }
  return {
    book: booking => book(booking, depot),
    cancel: reference => cancel(reference, depot),
    collect: reference => collect(reference, depot),
    start(webhookUrl) {
      rounds = startRounds({ ...options, parcels, webhookUrl, secret: options.webhookSecret })
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await parcels[Symbol.asyncDispose]()
    },
  }
}

async function book(booking: Booking, depot: Depot): Promise<BookingAnswer> {
  const scenario = scenarioOf(booking.instructions)
  const days = deliveryDays(booking.address.country, booking.option)
  if (scenario.booking === 'down') throw noAnswer()
  if (scenario.booking === 'refused')
    return { status: 'refused', code: 'ADDRESS_REFUSED', message: 'The carrier does not deliver there.' }
  if (days === undefined)
    return {
      status: 'refused',
      code: 'COUNTRY_NOT_SERVED',
      message: 'The carrier does not serve this country.',
    }
  const parcel = newParcel(booking, scenario, days, depot)
  const fresh = await depot.parcels.book(parcel)
  if (fresh && parcel.collection) depot.expect(parcel.collection)
  if (fresh && scenario.booking === 'answer-lost-once') throw noAnswer()
  const known = fresh ? parcel : await depot.parcels.find(booking.reference)
  if (!known) throw noAnswer()
  const { trackingNumber, estimatedDelivery } = known
  return { status: 'booked', trackingNumber, estimatedDelivery: estimatedDelivery.toISOString() }
}

function newParcel({ reference }: Booking, scenario: Scenario, days: number, depot: Depot): NewParcel {
  const at = depot.now().getTime()
  const atOnce = scenario.pace === 'at-once'
  return {
    reference,
    trackingNumber: trackingNumberOf(reference),
    journey: scenario.journey,
    atOnce,
    estimatedDelivery: new Date(at + days * DAY_MS),
    collection: scenario.held ? null : new Date(atOnce ? at : at + depot.stepMs),
  }
}

async function cancel(reference: string, { parcels, now }: Depot): Promise<'cancelled' | 'collected'> {
  await parcels.cancel(reference, now())
  const parcel = await parcels.find(reference)
  return parcel?.collected ? 'collected' : 'cancelled'
}

async function collect(reference: string, { parcels, now, expect }: Depot): Promise<CollectAnswer> {
  const at = now()
  await parcels.collect(reference, at)
  expect(at)
  const parcel = await parcels.find(reference)
  if (!parcel) return 'unknown'
  return parcel.cancelled ? 'cancelled' : 'collected'
}

/** Of a reference always the same. */
function trackingNumberOf(reference: string): string {
  return `SB${createHash('sha256').update(reference).digest('hex').slice(0, 16).toUpperCase()}`
}

function noAnswer(): CallerError {
  return new CallerError('UNAVAILABLE', 'The carrier does not answer. Try again.')
}
