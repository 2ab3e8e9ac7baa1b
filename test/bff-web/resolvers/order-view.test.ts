import { expect, test } from 'vitest'
import { orderView } from '#bff-web/resolvers/order-view.ts'

const money = { amount: '1.00', currency: 'USD' }
const order: Parameters<typeof orderView>[0] = {
  id: 'ord_1',
  number: 'W1',
  reference: null,
  status: 'CONFIRMED',
  awaitingApproval: false,
  cancellationRequested: false,
  cancellation: null,
  customer: { id: 'cus_1', name: 'Ada', email: 'ada@shop.example' },
  lines: [],
  itemsTotal: money,
  shippingFee: money,
  adjustments: [],
  total: money,
  refunded: money,
  deliveryAddress: {
    name: 'Ada',
    line1: '1 Street',
    line2: null,
    city: 'Berlin',
    region: null,
    postalCode: '10115',
    country: 'DE',
  },
  shippingOption: 'STANDARD',
  placedAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  timeline: [],
  allowedActions: [],
  reservation: null,
  payments: [],
  shipments: [],
  returns: [],
  debts: [],
}
const away = { message: 'shipping is not available', extensions: { code: 'UNAVAILABLE' } }

test('a complete page has no notices', () => {
  expect(orderView(order, [])).toEqual({ ...order, notices: [] })
})

test.each([
  ['shipments', ['order', 'shipments'], 'SHIPMENTS'],
  ['shipments', ['order', 'shipments', 0, 'tracking'], 'SHIPMENTS'],
  ['payments', ['order', 'payments'], 'PAYMENTS'],
  ['reservation', ['order', 'reservation', 'allocations', 1, 'sku'], 'RESERVATION'],
] as const)('failed %s at %j become null, with a notice', (field, path, section) => {
  const view = orderView(order, [{ ...away, path }])
  expect(view[field]).toBeNull()
  expect(view.notices).toEqual([{ section, code: 'UNAVAILABLE', message: expect.stringMatching(/\.$/) }])
})

test('several failed products share one notice', () => {
  const errors = [0, 1, 2].map(line => ({ ...away, path: ['order', 'lines', line, 'product', 'title'] }))
  expect(orderView(order, errors).notices).toMatchObject([{ section: 'PRODUCTS' }])
})

test('an internal error in a section is reported without its details', () => {
  const fault = { message: 'secret', path: ['order', 'payments'], extensions: { code: 'INTERNAL' } }
  const { notices } = orderView(order, [fault])
  expect(notices).toMatchObject([{ section: 'PAYMENTS', code: 'INTERNAL' }])
  expect(JSON.stringify(notices)).not.toContain('secret')
})

test.each([
  ['in no section', ['order', 'timeline']],
  ['of a line itself', ['order', 'lines', 0, 'title']],
  ['without a path', undefined],
])('a failure %s fails the page', (_where, path) => {
  expect(() => orderView(order, [{ ...away, ...(path && { path }) }])).toThrow(/not available/)
})

test('a mistake of the caller fails the page', () => {
  const mistake = {
    message: 'first is wrong',
    path: ['order', 'shipments'],
    extensions: { code: 'BAD_USER_INPUT' },
  }
  expect(() => orderView(order, [mistake])).toThrow(/first is wrong/)
})
