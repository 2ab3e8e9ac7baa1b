// Defines the contract of every carrier adapter. The carrier under test must support the sandbox's keywords.
import pino from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import { openSandboxCarrier, type SandboxCarrier } from '#subgraphs/shipping/adapters/carrier.sandbox.ts'
import type { Booking, Carrier } from '#subgraphs/shipping/adapters/carrier.ts'
import { aRequest } from '../domain/shipment-fixture.ts'

export function aBooking(instructions: string | null = 'SANDBOX_HOLD', country = 'DE'): Booking {
  const { option, weightGrams, address } = aRequest
  return { reference: newId('shipment'), option, weightGrams, address: { ...address, country }, instructions }
}

export const CARRIER_SECRET = 'carrier secret'

export function openSandbox(
  databaseUrl: string,
  { stepMs = 20, webhookSecret = CARRIER_SECRET } = {},
): Promise<SandboxCarrier> {
  const logger = pino({ level: 'silent' })
  return openSandboxCarrier({ databaseUrl, webhookSecret, stepMs, now: () => new Date(), logger })
}

export function describeCarrier(name: string, open: () => Promise<Carrier>): void {
  describe(`the carrier ${name}`, () => {
    let carrier: Carrier
    beforeEach(async () => {
      carrier = await open()
      return () => carrier[Symbol.asyncDispose]()
    })

    test('accepts a booking and returns a label', async () => {
      const answer = await carrier.book(aBooking())
      expect(answer).toMatchObject({ status: 'booked', trackingNumber: expect.stringMatching(/^\w+$/) })
      expect(answer).toHaveProperty('estimatedDelivery', expect.stringMatching(/^\d{4}-.*Z$/))
    })

    test('books a reference once for any number of concurrent repeats', async () => {
      const booking = aBooking()
      const answers = await Promise.all(Array.from({ length: 8 }, () => carrier.book(booking)))
      answers.push(await carrier.book(booking))
      expect(new Set(answers.map(answer => JSON.stringify(answer))).size).toBe(1)
      const other = await carrier.book(aBooking())
      expect(other).not.toEqual(answers[0])
    })

    test.each([
      ['that it does not take', aBooking('leave it, SANDBOX_REFUSE'), 'ADDRESS_REFUSED'],
      ['to where it does not go', aBooking(null, 'AQ'), 'COUNTRY_NOT_SERVED'],
    ])('refuses a booking %s, with the same result when repeated', async (_, booking, code) => {
      const first = await carrier.book(booking)
      expect(first).toEqual({ status: 'refused', code, message: expect.any(String) })
      expect(await carrier.book(booking)).toEqual(first)
    })

    test('throws UNAVAILABLE while it is down', async () => {
      await expect(carrier.book(aBooking('SANDBOX_DOWN'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    })

    test('keeps a booking whose response was lost, and returns it to a repeat', async () => {
      const booking = aBooking('SANDBOX_HOLD SANDBOX_FAIL_ONCE')
      await expect(carrier.book(booking)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect(await carrier.collect(booking.reference)).toBe('collected')
      expect(await carrier.book(booking)).toMatchObject({ status: 'booked' })
    })

    test('cancels uncollected and unknown parcels, with the same result when repeated', async () => {
      const booking = aBooking()
      await carrier.book(booking)
      expect(await carrier.cancel(booking.reference)).toBe('cancelled')
      expect(await carrier.cancel(booking.reference)).toBe('cancelled')
      expect(await carrier.cancel(newId('shipment'))).toBe('cancelled')
      expect(await carrier.collect(booking.reference)).toBe('cancelled')
    })

    test('collects on request, with the same result when repeated, and then refuses to cancel', async () => {
      const booking = aBooking()
      await carrier.book(booking)
      expect(await carrier.collect(booking.reference)).toBe('collected')
      expect(await carrier.collect(booking.reference)).toBe('collected')
      expect(await carrier.cancel(booking.reference)).toBe('collected')
    })

    test('decides a race between cancelling and collecting for one of them', async () => {
      for (let round = 0; round < 5; round++) {
        const booking = aBooking()
        await carrier.book(booking)
        const { reference } = booking
        const outcomes = await Promise.all([carrier.cancel(reference), carrier.collect(reference)])
        expect(new Set(outcomes).size).toBe(1)
      }
    })

    test('reports a parcel that was never booked as unknown', async () => {
      expect(await carrier.collect(newId('shipment'))).toBe('unknown')
    })
  })
}
