// Tests the running subgraph over HTTP: access, refusals, recorded effects, and reads afterwards.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { newId } from '#platform/domain/ids.ts'
import {
  aShipment,
  CUSTOMER,
  type GraphqlResponse,
  keyed,
  OPS,
  type Running,
  runShipping,
  SERVICE,
  STRANGER,
  SUPPORT,
} from './shipping-fixture.ts'

let shipping: Running
beforeAll(async () => {
  shipping = await runShipping()
})
afterAll(() => shipping?.[Symbol.asyncDispose]())

const SHIPMENT = `id status warehouse option trackingNumber estimatedDelivery order { id } createdAt updatedAt
  lines { sku quantity product { sku } } tracking { at status text }`
const CREATE = `mutation ($input: CreateShipmentInput!) { createShipment(input: $input) {
  __typename ... on ShipmentCreated { shipment { ${SHIPMENT} } } ... on CarrierRefused { code message } } }`
const RESULT = `__typename ... on ShipmentChanged { shipment { ${SHIPMENT} } } ... on ShipmentRefused { code message }`
const CANCEL = `mutation ($input: ShipmentInput!) { cancelShipment(input: $input) { ${RESULT} } }`
const DISPATCH = `mutation ($input: ShipmentInput!) { dispatchShipment(input: $input) { ${RESULT} } }`
const GET = `query ($id: ID!) { shipment(id: $id) { ${SHIPMENT} } }`
const LIST = `query ($status: [ShipmentStatus!], $first: Int, $after: String) {
  shipments(filter: { status: $status }, first: $first, after: $after) {
    nodes { id status } edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }`
const OF_ORDERS = `query ($orders: [_Any!]!) { _entities(representations: $orders) {
  ... on Order { id shipments { id status } } } }`
const QUOTE = `query ($input: QuoteShippingInput!) { quoteShipping(input: $input) {
  __typename ... on ShippingQuote { fee { amount currency } days validUntil } ... on NotShippable { code message } } }`

type Id = { readonly id: string }
type Created = { readonly createShipment: { readonly __typename: string; readonly shipment: Id } }
type Got = { readonly shipment: Id | null }
type Listed = {
  readonly shipments: {
    readonly nodes: readonly Id[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  }
}
type OfOrders = { readonly _entities: readonly { readonly shipments: readonly Id[] }[] }
type Quoted = { readonly quoteShipping: { readonly validUntil: string } }

async function created(overrides: object = {}) {
  const input = aShipment({ instructions: 'SANDBOX_HOLD', ...overrides })
  const { data, consistency } = await shipping.request<Created>(SERVICE, CREATE, keyed(input))
  expect(data.createShipment.__typename).toBe('ShipmentCreated')
  expect(consistency).toMatch(/^shipping=\d+$/)
  return { ...data.createShipment.shipment, orderId: input.orderId, consistency }
}

const codes = async (viewer: Viewer | undefined, query: string, variables: object) =>
  (await shipping.request(viewer, query, variables)).errors?.map(({ extensions }) => extensions.code)

const orders = (...ids: string[]) => ({ orders: ids.map(id => ({ __typename: 'Order', id })) })

describe('createShipment', () => {
  test('books a label and returns the shipment', async () => {
    const shipment = await created()
    expect(shipment).toMatchObject({
      id: expect.stringMatching(/^shp_/),
      status: 'LABELLED',
      trackingNumber: expect.stringMatching(/^SB/),
      order: { id: shipment.orderId },
      lines: [{ sku: 'MUG-1', quantity: 2, product: { sku: 'MUG-1' } }],
      tracking: [],
    })
  })

  test('twice gives the same shipment', async () => {
    const variables = keyed(aShipment({ instructions: 'SANDBOX_HOLD' }))
    const first = await shipping.request(SERVICE, CREATE, variables)
    const again = await shipping.request(SERVICE, CREATE, variables)
    expect(again.data).toEqual(first.data)
  })

  test('is refused when the carrier refuses it, with the same result when repeated', async () => {
    const variables = keyed(aShipment({ instructions: 'SANDBOX_REFUSE' }))
    const refused = { __typename: 'CarrierRefused', code: 'CARRIER_REFUSED', message: expect.any(String) }
    expect((await shipping.request(SERVICE, CREATE, variables)).data.createShipment).toEqual(refused)
    expect((await shipping.request(SERVICE, CREATE, variables)).data.createShipment).toEqual(refused)
  })

  test('is unavailable while the carrier is down', async () => {
    expect(await codes(SERVICE, CREATE, keyed(aShipment({ instructions: 'SANDBOX_DOWN' })))).toEqual([
      'UNAVAILABLE',
    ])
  })

  test.each<[string, object]>([
    ['no lines', { lines: [] }],
    ['a quantity of none', { lines: [{ sku: 'MUG-1', quantity: 0 }] }],
    ['no weight', { weightGrams: 0 }],
    ['an address without a city', { address: { ...aShipment().address, city: '  ' } }],
    ['a country that is no code', { address: { ...aShipment().address, country: 'Germany' } }],
    ['an order id that is none', { orderId: 'order-1' }],
    ['instructions without end', { instructions: 'x'.repeat(501) }],
  ])('with %s is BAD_USER_INPUT', async (_, wrong) => {
    expect(await codes(SERVICE, CREATE, keyed(aShipment(wrong)))).toEqual(['BAD_USER_INPUT'])
  })
})

describe('access', () => {
  const id = newId('shipment')
  test.each<[string, Viewer | undefined, string]>([
    ['nobody', undefined, 'UNAUTHENTICATED'],
    ['a customer', CUSTOMER, 'FORBIDDEN'],
    ['support', SUPPORT, 'FORBIDDEN'],
  ])('%s neither creates, cancels nor dispatches', async (_, viewer, code) => {
    expect(await codes(viewer, CREATE, keyed(aShipment()))).toEqual([code])
    expect(await codes(viewer, CANCEL, keyed({ shipmentId: id }))).toEqual([code])
    expect(await codes(viewer, DISPATCH, keyed({ shipmentId: id }))).toEqual([code])
  })

  test('ops dispatches, but neither creates nor cancels', async () => {
    expect(await codes(OPS, CREATE, keyed(aShipment()))).toEqual(['FORBIDDEN'])
    expect(await codes(OPS, CANCEL, keyed({ shipmentId: id }))).toEqual(['FORBIDDEN'])
    expect(await codes(OPS, DISPATCH, keyed({ shipmentId: id }))).toBeUndefined()
  })

  test('a service does not dispatch', async () => {
    expect(await codes(SERVICE, DISPATCH, keyed({ shipmentId: id }))).toEqual(['FORBIDDEN'])
  })

  test('the customer and staff see a shipment, and others get null', async () => {
    const { id: own, consistency } = await created()
    const seenBy = async (viewer: Viewer) =>
      (await shipping.request<Got>(viewer, GET, { id: own }, consistency)).data.shipment?.id
    expect(await Promise.all([CUSTOMER, SUPPORT, OPS, SERVICE].map(seenBy))).toEqual([own, own, own, own])
    expect(await seenBy(STRANGER)).toBeUndefined()
    expect(await codes(undefined, GET, { id: own })).toEqual(['UNAUTHENTICATED'])
    expect(await codes(CUSTOMER, GET, { id: 'shp_1' })).toEqual(['BAD_USER_INPUT'])
  })

  test('only staff list shipments', async () => {
    expect(await codes(CUSTOMER, LIST, {})).toEqual(['FORBIDDEN'])
    expect(await codes(undefined, LIST, {})).toEqual(['UNAUTHENTICATED'])
    expect(await codes(SUPPORT, LIST, { first: 101 })).toEqual(['BAD_USER_INPUT'])
  })
})

describe('cancelShipment', () => {
  test('returns the cancelled shipment, also when repeated', async () => {
    const { id } = await created()
    const variables = keyed({ shipmentId: id })
    const first = await shipping.request(SERVICE, CANCEL, variables)
    expect(first.data.cancelShipment).toMatchObject({ shipment: { id, status: 'CANCELLED' } })
    expect((await shipping.request(SERVICE, CANCEL, variables)).data).toEqual(first.data)
    expect(await codes(SERVICE, CANCEL, keyed({ shipmentId: 'shp_1' }))).toEqual(['BAD_USER_INPUT'])
  })

  test('is refused once dispatched', async () => {
    const { id } = await created()
    await shipping.request(OPS, DISPATCH, keyed({ shipmentId: id }))
    const { data } = await shipping.request(SERVICE, CANCEL, keyed({ shipmentId: id }))
    expect(data.cancelShipment).toMatchObject({ __typename: 'ShipmentRefused', code: 'SHIPMENT_DISPATCHED' })
  })
})

describe('dispatchShipment', () => {
  test('dispatches at once, with the same result when repeated, and the carrier continues from there', async () => {
    const { id } = await created()
    const variables = keyed({ shipmentId: id })
    const first = await shipping.request(OPS, DISPATCH, variables)
    expect(first.data.dispatchShipment).toMatchObject({ shipment: { id, status: 'DISPATCHED' } })
    const again = await shipping.request(OPS, DISPATCH, variables)
    expect(again.data.dispatchShipment).toMatchObject({ __typename: 'ShipmentChanged', shipment: { id } })
    await shipping.published(({ type, data }) => type === 'ShipmentDelivered' && data.shipmentId === id)
    const dispatches = shipping.messages.filter(
      ({ type, data }) => type === 'ShipmentDispatched' && data.shipmentId === id,
    )
    expect(dispatches).toHaveLength(1)
  })

  test('of a cancelled shipment is refused', async () => {
    const { id } = await created()
    await shipping.request(SERVICE, CANCEL, keyed({ shipmentId: id }))
    const { data } = await shipping.request(OPS, DISPATCH, keyed({ shipmentId: id }))
    expect(data.dispatchShipment).toMatchObject({ code: 'SHIPMENT_CANCELLED' })
  })
})

describe('a parcel', () => {
  test('is followed from label to delivery by the carrier over HTTP', async () => {
    const { id, orderId } = await created({ instructions: null })
    const delivered = await shipping.published(
      ({ type, data }) => type === 'ShipmentDelivered' && data.shipmentId === id,
    )
    expect(delivered.data).toMatchObject({ orderId, shipmentId: id, at: expect.any(String) })
    const token = `shipping=${delivered.position}`
    const { data } = await shipping.request(CUSTOMER, GET, { id }, token)
    const steps = ['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED']
    expect(data.shipment).toMatchObject({ status: 'DELIVERED', tracking: steps.map(status => ({ status })) })
    const types = shipping.messages.filter(({ data: of }) => of.shipmentId === id).map(({ type }) => type)
    expect(types).toEqual([
      ...['ShipmentRequested', 'ShipmentLabelled', 'ShipmentDispatched'],
      ...['ShipmentTracked', 'ShipmentTracked', 'ShipmentDelivered'],
    ])
  })

  test('ends when it is lost', async () => {
    const { id } = await created({ instructions: 'SANDBOX_LOSE' })
    const lost = await shipping.published(
      ({ type, data }) => type === 'ShipmentLost' && data.shipmentId === id,
    )
    const { data } = await shipping.request(CUSTOMER, GET, { id }, `shipping=${lost.position}`)
    expect(data.shipment).toMatchObject({ status: 'LOST' })
  })
})

describe('the shipments of orders', () => {
  test('are loaded for many orders at once, oldest first, for those who may see them', async () => {
    const one = await created()
    const two = await created({ orderId: one.orderId, warehouse: 'MUC' })
    const other = await created({ customerId: STRANGER.subject })
    const empty = newId('order')
    const asked = orders(one.orderId, empty, other.orderId)
    const seenBy = async (viewer: Viewer | undefined) => {
      const { data } = await shipping.request<OfOrders>(viewer, OF_ORDERS, asked, other.consistency)
      return data._entities.map(({ shipments }) => shipments.map(({ id }) => id))
    }
    expect(await seenBy(SUPPORT)).toEqual([[one.id, two.id], [], [other.id]])
    expect(await seenBy(CUSTOMER)).toEqual([[one.id, two.id], [], []])
    expect(await seenBy(STRANGER)).toEqual([[], [], [other.id]])
    expect(await seenBy(undefined)).toEqual([[], [], []])
  })

  test('resolve as entities, and to null for other customers', async () => {
    const { id, consistency } = await created()
    const query =
      'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Shipment { id status } } }'
    const of = [{ __typename: 'Shipment', id }]
    const own = await shipping.request(CUSTOMER, query, { of }, consistency)
    expect(own.data._entities).toEqual([{ id, status: 'LABELLED' }])
    expect((await shipping.request(STRANGER, query, { of }, consistency)).data._entities).toEqual([null])
  })

  test('are listed by status, in pages, oldest first', async () => {
    const cancelled: string[] = []
    for (let n = 0; n < 3; n++) {
      const { id } = await created()
      await shipping.request(SERVICE, CANCEL, keyed({ shipmentId: id }))
      cancelled.push(id)
    }
    const { consistency } = await created()
    const found: string[] = []
    let after: string | null = null
    do {
      const { data }: GraphqlResponse<Listed> = await shipping.request<Listed>(
        OPS,
        LIST,
        { status: ['CANCELLED'], first: 2, after },
        consistency,
      )
      expect(data.shipments.nodes.length).toBeLessThanOrEqual(2)
      found.push(...data.shipments.nodes.map(({ id }) => id))
      after = data.shipments.pageInfo.hasNextPage ? data.shipments.pageInfo.endCursor : null
    } while (after)
    expect(found.slice(-3)).toEqual(cancelled)
    expect(await codes(OPS, LIST, { after: 'junk' })).toEqual(['BAD_USER_INPUT'])
  })
})

describe('prices', () => {
  const BOX = { weightGrams: 300, dimensions: { lengthCm: 50, widthCm: 40, heightCm: 30 } }
  const ESTIMATE = `query ($of: [_Any!]!, $country: String!) { _entities(representations: $of) { ... on Product {
    shippingEstimate(country: $country, currency: "EUR") { fee { amount } days } } } }`

  test('a quote is valid for ten minutes', async () => {
    const before = Date.now()
    const { data } = await shipping.request<Quoted>(undefined, QUOTE, {
      input: { country: 'BR', weightGrams: 800, currency: 'BRL' },
    })
    expect(data.quoteShipping).toMatchObject({ fee: { amount: '29.40', currency: 'BRL' }, days: 2 })
    const validFor = Date.parse(data.quoteShipping.validUntil) - before
    expect(validFor).toBeGreaterThanOrEqual(600_000)
    expect(validFor).toBeLessThan(660_000)
  })

  test('an unserved country has no quote', async () => {
    const { data } = await shipping.request(undefined, QUOTE, {
      input: { country: 'AQ', weightGrams: 800, currency: 'EUR' },
    })
    expect(data.quoteShipping).toMatchObject({ __typename: 'NotShippable', code: 'COUNTRY_NOT_SERVED' })
  })

  test.each(['UK', 'ZZ', 'EU', 'de'])('a quote and an estimate refuse %s as a country', async country => {
    const quoted = await shipping.request(undefined, QUOTE, {
      input: { country, weightGrams: 1, currency: 'EUR' },
    })
    const of = [{ __typename: 'Product', sku: 'BOX', weightGrams: 300, dimensions: BOX.dimensions }]
    const estimated = await shipping.request(undefined, ESTIMATE, { of, country })
    const message = `country: should be an ISO 3166-1 alpha-2 country code, such as DE; got "${country}"`
    for (const { errors } of [quoted, estimated])
      expect(errors?.map(error => error.message)).toEqual([message])
  })

  test('a quote uses weight and size, and for one unit equals the product’s estimate', async () => {
    const of = [{ __typename: 'Product', sku: 'BOX', ...BOX }]
    const estimated = await shipping.request(undefined, ESTIMATE, { of, country: 'US' })
    const input = { country: 'US', goods: [{ quantity: 1, ...BOX }], currency: 'EUR' }
    const quoted = await shipping.request(undefined, QUOTE, { input })
    expect(estimated.data._entities).toEqual([{ shippingEstimate: { fee: { amount: '109.90' }, days: 10 } }])
    expect(quoted.data.quoteShipping).toMatchObject({ fee: { amount: '109.90' }, days: 10 })
    const many = { ...input, goods: [{ quantity: 84, ...BOX }] }
    const heavy = await shipping.request(undefined, QUOTE, { input: many })
    expect(heavy.data.quoteShipping).toMatchObject({ __typename: 'NotShippable', code: 'TOO_HEAVY' })
  })

  test.each([
    ['neither weight nor goods', { country: 'DE', currency: 'EUR' }],
    [
      'both weight and goods',
      { country: 'DE', currency: 'EUR', weightGrams: 1, goods: [{ quantity: 1, ...BOX }] },
    ],
    ['no goods', { country: 'DE', currency: 'EUR', goods: [] }],
    ['no unit of goods', { country: 'DE', currency: 'EUR', goods: [{ quantity: 0, ...BOX }] }],
  ])('a quote for %s is BAD_USER_INPUT', async (_, input) => {
    expect(await codes(undefined, QUOTE, { input })).toEqual(['BAD_USER_INPUT'])
  })

  test.each([
    ['weight', { country: 'DE', weightGrams: 0, currency: 'EUR' }],
    ['weight', { country: 'DE', weightGrams: 1_000_001, currency: 'EUR' }],
    ['country', { country: 'de', weightGrams: 1, currency: 'EUR' }],
    ['currency', { country: 'DE', weightGrams: 1, currency: 'XXX' }],
  ])('a malformed %s is BAD_USER_INPUT', async (_, input) => {
    expect(await codes(undefined, QUOTE, { input })).toEqual(['BAD_USER_INPUT'])
  })

  test('a product is estimated by its weight or its size', async () => {
    const of = [{ __typename: 'Product', sku: 'BOX', ...BOX }]
    const { data } = await shipping.request(undefined, ESTIMATE, { of, country: 'DE' })
    expect(data._entities).toEqual([{ shippingEstimate: { fee: { amount: '16.90' }, days: 2 } }])
    const nowhere = await shipping.request(undefined, ESTIMATE, { of, country: 'AQ' })
    expect(nowhere.data._entities).toEqual([{ shippingEstimate: null }])
  })
})
