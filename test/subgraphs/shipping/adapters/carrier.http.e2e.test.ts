// Tests shipping with an external carrier: bookings over HTTP, its signed webhooks, and outages.
import { expect, test } from 'vitest'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { aShipment, keyed, runShipping, SERVICE, WEBHOOK_SECRET } from '../shipping-fixture.ts'
import { openSandbox } from './carrier.contract.ts'
import { serveCarrier } from './carrier-server.ts'

const CREATE = `mutation ($input: CreateShipmentInput!) { createShipment(input: $input) {
  ... on ShipmentCreated { shipment { id trackingNumber } } } }`

test('a parcel is booked once through a fault, and followed to its delivery', async () => {
  await using far = await openSandbox(await freshDatabase(), { webhookSecret: WEBHOOK_SECRET })
  const stumbles = (call: number) => (call === 1 ? { status: 500, body: {} } : undefined)
  await using server = await serveCarrier(far, WEBHOOK_SECRET, stumbles)
  await using shipping = await runShipping({ carrierUrl: server.url })
  far.start(`${shipping.url}/webhooks/carrier`)
  const { data } = await shipping.request(SERVICE, CREATE, keyed(aShipment()))
  expect(data.createShipment).toMatchObject({ shipment: { trackingNumber: expect.stringMatching(/^SB/) } })
  expect(server.calls).toEqual(['/v1/parcels', '/v1/parcels'])
  const { data: delivered } = await shipping.published(({ type }) => type === 'ShipmentDelivered')
  expect(data.createShipment).toMatchObject({ shipment: { id: delivered.shipmentId } })
  const ready = await fetch(`${shipping.url}/health/ready`)
  expect(ready.status).toBe(200)
  expect(await ready.text()).toContain('circuit closed')
  await far.stop()
})

test('an invalid CARRIER_URL is refused at the start', async () => {
  await expect(runShipping({ carrierUrl: 'pigeon://home' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})
