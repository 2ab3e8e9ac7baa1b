// Tests the orders graph except fulfilment: access, search, past states, totals, sagas and refusals by key.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { newId } from '#platform/domain/ids.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  anOrder,
  type Data,
  keyed,
  OPS,
  ORDER,
  PLACE,
  type Running,
  runSubgraphs,
  SUPPORT,
} from '#test/subgraphs/orders/orders-fixture.ts'

let all: Running
let ada: Viewer
let eve: Viewer

beforeAll(async () => {
  all = await runSubgraphs()
  ;[ada, eve] = await Promise.all([all.newCustomer('Ada Byron'), all.newCustomer('Eve Moneypenny')])
  await all.addProduct('MUG', { 'BER-1': 1000 })
})

afterAll(() => all[Symbol.asyncDispose]())

/** Held back by the carrier, so that its status stays. */
async function placeHeld(viewer: Viewer, changes: object = {}) {
  const variables = anOrder('MUG', { deliveryInstructions: 'SANDBOX_HOLD', ...changes })
  const { data, consistency } = await all.request(viewer, PLACE, { variables })
  return { id: String(data.placeOrder.order.id), order: data.placeOrder.order, consistency }
}

const LIST = `query($filter: OrderFilter, $sort: OrderSort, $first: Int, $after: String, $last: Int, $before: String) {
  orders(filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {
    nodes { id } edges { cursor node { id } } totalCount totalCountCapped
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`

async function list(viewer: Viewer, variables: object = {}): Promise<Data> {
  return (await all.request(viewer, LIST, { variables })).data.orders
}

const ids = ({ nodes }: Data): string[] => nodes.map(({ id }: Data) => id)

describe('an order', () => {
  test('is the same from the command and from the view, read at the command’s position', async () => {
    const { id, order, consistency } = await placeHeld(ada)
    const read = await all.request(ada, ORDER, { variables: { id }, consistency })
    expect(consistency).toMatch(/orders=\d+/)
    expect(order.status).toBe('CONFIRMED')
    expect(read.data.order).toMatchObject({ ...order, updatedAt: expect.any(String) })
  })

  test('is visible to its customer and to staff, and null to others', async () => {
    const { id, consistency } = await placeHeld(ada)
    const seen = async (viewer: Viewer | undefined) =>
      (await all.request(viewer, ORDER, { variables: { id }, consistency })).data?.order?.id ?? null
    expect(await Promise.all([ada, SUPPORT, OPS, eve].map(seen))).toEqual([id, id, id, null])
    expect((await all.request(undefined, ORDER, { variables: { id } })).codes).toEqual(['UNAUTHENTICATED'])
    expect((await all.request(ada, ORDER, { variables: { id: 'W123' } })).codes).toEqual(['BAD_USER_INPUT'])
    expect((await all.request(ada, ORDER, { variables: { id: newId('order') } })).data).toEqual({
      order: null,
    })
  })

  test('resolves as an entity by the same rules, and so does its customer', async () => {
    const { id, consistency } = await placeHeld(ada)
    const query = `query($of: [_Any!]!) { _entities(representations: $of) {
      ... on Order { id customer { id name } } ... on Customer { id email } } }`
    const of = [
      { __typename: 'Order', id },
      { __typename: 'Customer', id: ada.subject },
    ]
    const entities = async (viewer: Viewer | undefined) =>
      (await all.request(viewer, query, { variables: { of }, consistency })).data._entities
    const own = [
      { id, customer: { id: ada.subject, name: 'Ada Byron' } },
      { id: ada.subject, email: 'ada@example.com' },
    ]
    expect(await entities(ada)).toEqual(own)
    expect(await entities(SUPPORT)).toEqual(own)
    expect(await entities(eve)).toEqual([null, null])
    expect(await entities(undefined)).toEqual([null, null])
  })

  test('is found as it stood at a past instant', async () => {
    const { id, order } = await placeHeld(ada)
    const query = `query($id: ID!, $at: DateTime!) { orderAsOf(id: $id, at: $at) {
      at version status lines { sku quantity total { amount } } total { amount } } }`
    const asOf = async (at: string, viewer = ada) =>
      (await all.request(viewer, query, { variables: { id, at } })).data.orderAsOf
    const confirmedAt = order.timeline.at(-1).at
    const before = new Date(Date.parse(order.placedAt) - 1000).toISOString()
    expect(await asOf(before)).toBeNull()
    expect(await asOf(new Date(Date.parse(confirmedAt) + 60_000).toISOString())).toMatchObject({
      version: 2,
      status: 'CONFIRMED',
      lines: [{ sku: 'MUG', quantity: 1, total: { amount: '10.00' } }],
      total: order.total.amount === undefined ? {} : { amount: order.total.amount },
    })
    const times = order.timeline.map((entry: Data) => entry.at)
    for (const at of times)
      expect(await asOf(at)).toMatchObject({ version: times.filter((time: string) => time <= at).length })
    expect(await asOf(order.placedAt)).toMatchObject({ status: 'PLACED' })
    expect(await asOf(confirmedAt)).toMatchObject({ status: 'CONFIRMED' })
    expect(await asOf(new Date(Date.parse(confirmedAt) - 1).toISOString())).toMatchObject({
      version: 1,
      status: 'PLACED',
    })
    expect(await asOf(confirmedAt, eve)).toBeNull()
  })
})

describe('the instructions for the carrier', () => {
  test('come out again for the owner and staff, and are null when none were given', async () => {
    const query = 'query($id: ID!) { order(id: $id) { deliveryInstructions } }'
    const told = await placeHeld(ada)
    const untold = await placeHeld(ada, { deliveryInstructions: '  ' })
    const { consistency } = untold
    const read = async (viewer: Viewer, { id }: { id: string }) =>
      (await all.request(viewer, query, { variables: { id }, consistency })).data.order
    expect(await read(ada, told)).toEqual({ deliveryInstructions: 'SANDBOX_HOLD' })
    expect(await read(SUPPORT, told)).toEqual({ deliveryInstructions: 'SANDBOX_HOLD' })
    expect(await read(ada, untold)).toEqual({ deliveryInstructions: null })
    expect(await read(eve, told)).toBeNull()
  })
})

describe('the list of orders', () => {
  test('is newest first, in pages, and a customer’s own only', async () => {
    const shopper = await all.newCustomer('Pat Pageturner')
    const placed = [await placeHeld(shopper), await placeHeld(shopper), await placeHeld(shopper)]
    const newest = placed.map(({ id }) => id).reverse()
    const first = await list(shopper, { first: 2 })
    expect(ids(first)).toEqual(newest.slice(0, 2))
    expect(first.pageInfo.hasNextPage).toBe(true)
    const second = await list(shopper, { first: 2, after: first.pageInfo.endCursor })
    expect(ids(second)).toEqual(newest.slice(2))
    expect(second.pageInfo.hasNextPage).toBe(false)
    expect(second.pageInfo.hasPreviousPage).toBe(true)
    expect([second.totalCount, second.totalCountCapped]).toEqual([3, false])
    const back = await list(shopper, { last: 1, before: second.pageInfo.startCursor })
    expect(ids(back)).toEqual(newest.slice(1, 2))
    expect(back.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: true })
    const oldestFirst = { sort: { field: 'PLACED_AT', direction: 'ASC' } }
    const end = await list(shopper, { ...oldestFirst, last: 2 })
    expect(ids(end)).toEqual(newest.toReversed().slice(1))
    expect(end.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false })
    const cursor = first.pageInfo.endCursor
    for (const wrong of [
      { ...oldestFirst, after: cursor },
      { filter: { status: ['CANCELLED'] }, before: cursor, last: 1 },
      { after: '' },
      { before: 'junk', last: 1 },
      { first: 1, last: 1 },
      { last: 0 },
      { last: -1 },
      { first: 101 },
    ]) {
      const { codes } = await all.request(shopper, LIST, { variables: wrong })
      expect(codes, JSON.stringify(wrong)).toEqual(['BAD_USER_INPUT'])
    }
    expect((await all.request(eve, LIST, { variables: { after: cursor } })).codes).toEqual(['BAD_USER_INPUT'])
    expect(ids(await list(eve, { filter: { customerId: shopper.subject } }))).toEqual([])
    expect(ids(await list(SUPPORT, { filter: { customerId: shopper.subject } }))).toEqual(newest)
  })

  test('is searched by number, id, reference and customer, and filtered by status and time', async () => {
    const shopper = await all.newCustomer('Zoë Quist')
    const { id, order } = await placeHeld(shopper, { reference: 'Purchase 4711' })
    const found = async (filter: object) => ids(await list(SUPPORT, { filter }))
    for (const text of [order.number.toLowerCase(), id, 'purch 4711', 'zoe qui', 'zoë@example.com'])
      expect(await found({ text }), text).toEqual([id])
    expect(await found({ text: 'quist nobody' })).toEqual([])
    const own = { customerId: shopper.subject }
    expect(await found({ ...own, status: ['CONFIRMED', 'SHIPPED'] })).toEqual([id])
    expect(await found({ ...own, status: ['CANCELLED'] })).toEqual([])
    expect(await found({ ...own, placedFrom: order.placedAt })).toEqual([id])
    expect(await found({ ...own, placedTo: order.placedAt })).toEqual([])
  })

  test.each([
    [{ first: 0 }, 'BAD_USER_INPUT'],
    [{ first: 101 }, 'BAD_USER_INPUT'],
    [{ after: 'nonsense' }, 'BAD_USER_INPUT'],
    [{ filter: { customerId: 'ada' } }, 'BAD_USER_INPUT'],
    [{ filter: { customerId: '' } }, 'BAD_USER_INPUT'],
  ])('refuses %j', async (variables, code) => {
    expect((await all.request(ada, LIST, { variables })).codes).toEqual([code])
  })
})

describe('customers', () => {
  const REGISTER =
    'mutation($input: RegisterCustomerInput!) { registerCustomer(input: $input) { id name email } }'
  const profile = { name: 'Grace Hopper', email: 'grace@example.com' }
  const ME = '{ me { id name email orders(first: 5) { nodes { id } } } }'

  test('register themselves, twice with the same result, and change their profile', async () => {
    const grace: Viewer = { role: 'customer', subject: newId('customer') }
    expect((await all.request(grace, ME)).data).toEqual({ me: null })
    const variables = keyed(profile)
    const first = await all.request(grace, REGISTER, { variables })
    expect(first.data.registerCustomer).toEqual({ id: grace.subject, ...profile })
    expect((await all.request(grace, REGISTER, { variables })).data).toEqual(first.data)
    const changed = await all.request(grace, REGISTER, {
      variables: keyed({ ...profile, name: 'Rear Admiral' }),
    })
    const me = await all.request(grace, ME, { consistency: changed.consistency })
    expect(me.data.me).toEqual({ id: grace.subject, ...profile, name: 'Rear Admiral', orders: { nodes: [] } })
  })

  test('are registered by staff under a new id, the same for a repeated key', async () => {
    const variables = keyed(profile)
    const [first, second] = [
      await all.request(SUPPORT, REGISTER, { variables }),
      await all.request(SUPPORT, REGISTER, { variables }),
    ]
    expect(first.data.registerCustomer.id).toMatch(/^cus_/)
    expect(second.data).toEqual(first.data)
  })

  test('cannot register or see others', async () => {
    const other = keyed({ ...profile, id: ada.subject })
    expect((await all.request(eve, REGISTER, { variables: other })).codes).toEqual(['FORBIDDEN'])
    const query = 'query($id: ID!) { customer(id: $id) { id } }'
    const variables = { id: ada.subject }
    expect((await all.request(eve, query, { variables })).data).toEqual({ customer: null })
    expect((await all.request(SUPPORT, query, { variables })).data).toEqual({ customer: { id: ada.subject } })
  })

  test('need a name and an e-mail address', async () => {
    for (const changes of [{ name: ' ' }, { email: 'grace' }, { email: 'a b@c' }, { idempotencyKey: '' }]) {
      const answer = await all.request(ada, REGISTER, { variables: keyed({ ...profile, ...changes }) })
      expect(answer.codes).toEqual(['BAD_USER_INPUT'])
    }
  })
})

describe('a placement', () => {
  const placed = async (viewer: Viewer | undefined, variables: object) =>
    (await all.request(viewer, PLACE, { variables })).data?.placeOrder

  test('repeated under a key gives one order, and a conflict with another body', async () => {
    const variables = anOrder('MUG', { deliveryInstructions: 'SANDBOX_HOLD' })
    const both = await Promise.all([placed(ada, variables), placed(ada, variables)])
    expect(both[0].order.id).toBe(both[1].order.id)
    const other = { input: { ...variables.input, reference: 'another' } }
    expect((await all.request(ada, PLACE, { variables: other })).codes).toEqual(['CONFLICT'])
    const waiting = { input: { ...variables.input, settleWithinMs: 5 } }
    expect((await placed(ada, waiting)).order.id).toBe(both[0].order.id)
  })

  test('repeated after the price has changed gives the first answer, at the first price', async () => {
    await all.addProduct('CUP', { 'BER-1': 1000 }, '10.00')
    const variables = anOrder('CUP', { deliveryInstructions: 'SANDBOX_HOLD' })
    const { order } = await placed(ada, variables)
    const expected = anOrder('CUP', { expectedTotal: order.total })
    const refused = anOrder('CUP', { expectedTotal: { amount: '1.00', currency: 'USD' } })
    const [exact, changed] = [await placed(ada, expected), await placed(ada, refused)]
    const change = 'mutation($input: ChangePriceInput!) { changePrice(input: $input) { __typename } }'
    const input = { sku: 'CUP', price: { amount: '12.00', currency: 'USD' } }
    const { consistency } = await all.request(OPS, change, { on: 'inventory', variables: keyed(input) })
    const repeat = async (repeated: object) =>
      (await all.request(ada, PLACE, { variables: repeated, consistency })).data.placeOrder
    expect((await repeat(variables)).order).toMatchObject({ id: order.id, total: order.total })
    expect((await repeat(expected)).order.id).toBe(exact.order.id)
    expect(await repeat(refused)).toEqual(changed)
    expect((await repeat(anOrder('CUP'))).order.itemsTotal.amount).toBe('12.00')
  })

  test('under the same key by two customers gives two orders', async () => {
    const variables = anOrder('MUG', { deliveryInstructions: 'SANDBOX_HOLD' })
    const [first, second] = [await placed(ada, variables), await placed(eve, variables)]
    expect(first.order.id).not.toBe(second.order.id)
  })

  test('is refused with a code that a client can act on, and again under the same key', async () => {
    const money = (amount: string, currency = 'USD') => ({ amount, currency })
    const table: [object, object][] = [
      [{ lines: [{ sku: 'NONE', quantity: 1 }] }, { __typename: 'UnknownProduct', skus: ['NONE'] }],
      [
        { expectedTotal: money('1.00') },
        { __typename: 'TotalChanged', expected: { amount: '1.00', currency: 'USD' } },
      ],
      [
        { tenders: [{ kind: 'CARD', token: 'tok_approve', amount: money('1.00') }] },
        { __typename: 'TenderMismatch', tendered: { amount: '1.00' } },
      ],
      [
        { tenders: [{ kind: 'CARD', token: 'tok_approve', amount: money('10.00', 'EUR') }] },
        { __typename: 'MixedCurrencies', currencies: ['USD', 'EUR'] },
      ],
    ]
    for (const [changes, expected] of table) {
      const variables = anOrder('MUG', changes)
      const refused = await placed(ada, variables)
      expect(refused).toMatchObject(expected)
      expect(await placed(ada, variables)).toEqual(refused)
    }
    const unknown: Viewer = { role: 'customer', subject: newId('customer') }
    expect(await placed(unknown, anOrder('MUG'))).toMatchObject({
      __typename: 'UnknownCustomer',
      customerId: unknown.subject,
    })
  })

  test('may be corrected under the same key after a refusal, but not after an order', async () => {
    const variables = anOrder('MUG', { expectedTotal: { amount: '1.00', currency: 'USD' } })
    const refused = await placed(ada, variables)
    const mended = { input: { ...variables.input, expectedTotal: refused.actual } }
    const order = await placed(ada, mended)
    expect([refused.__typename, order.__typename]).toEqual(['TotalChanged', 'OrderAccepted'])
    expect((await placed(ada, mended)).order.id).toBe(order.order.id)
    expect((await all.request(ada, PLACE, { variables })).codes).toEqual(['CONFLICT'])
  })

  test('needs no postal code for a country without them, through to the delivery', async () => {
    const deliveryAddress = { name: 'Chan Tai Man', line1: '12 Nathan Road', city: 'Kowloon', country: 'HK' }
    const { order } = await placed(ada, anOrder('MUG', { deliveryAddress }))
    expect(order.deliveryAddress).toMatchObject({ country: 'HK', postalCode: null })
    await all.waitForEvent(order.id, 'OrderCompleted')
    const { codes } = await all.request(ada, PLACE, {
      variables: anOrder('MUG', { deliveryAddress: { ...deliveryAddress, country: 'DE' } }),
    })
    expect(codes).toEqual(['BAD_USER_INPUT'])
  })

  test('by staff may set prices, fee and adjustments', async () => {
    const agreed = {
      customerId: ada.subject,
      deliveryInstructions: 'SANDBOX_HOLD',
      lines: [{ sku: 'MUG', quantity: 2, agreedUnitPrice: { amount: '7.50', currency: 'USD' } }],
      agreedShippingFee: { amount: '0', currency: 'USD' },
      adjustments: [{ label: 'Interest', amount: { amount: '0.25', currency: 'USD' } }],
    }
    expect((await placed(SUPPORT, anOrder('MUG', agreed))).order).toMatchObject({
      customer: { id: ada.subject },
      total: { amount: '15.25' },
      shippingFee: { amount: '0.00' },
      adjustments: [{ label: 'Interest', amount: { amount: '0.25' } }],
    })
    const own = anOrder('MUG', { agreedShippingFee: agreed.agreedShippingFee })
    expect((await all.request(ada, PLACE, { variables: own })).codes).toEqual(['FORBIDDEN'])
    expect((await all.request(undefined, PLACE, { variables: anOrder('MUG') })).codes).toEqual([
      'UNAUTHENTICATED',
    ])
  })

  test('is BAD_USER_INPUT for a country that the carrier does not serve', async () => {
    const deliveryAddress = { name: 'A', line1: 'Ice', city: 'Pole', postalCode: '0', country: 'AQ' }
    const answer = await all.request(ada, PLACE, { variables: anOrder('MUG', { deliveryAddress }) })
    expect(answer.codes).toEqual(['BAD_USER_INPUT'])
    expect(answer.messages[0]).toMatch(/^deliveryAddress: /)
  })
})

describe('for staff', () => {
  test('totals count orders by status and sum the placed and cancelled amounts', async () => {
    const query = `{ orderTotals {
      byStatus { status count } placed { amount currency } cancelled { amount currency } } }`
    expect((await all.request(ada, query)).codes).toEqual(['FORBIDDEN'])
    const before = (await all.request(SUPPORT, query)).data.orderTotals
    const { order, consistency } = await placeHeld(ada)
    const after = (await all.request(SUPPORT, query, { consistency })).data.orderTotals
    const placed = (totals: Data) => Math.round(Number(totals.placed[0]?.amount ?? 0) * 100)
    expect(placed(after) - placed(before)).toBe(Math.round(Number(order.total.amount) * 100))
    const count = (totals: Data) =>
      totals.byStatus.reduce((sum: number, entry: { count: number }) => sum + entry.count, 0)
    expect(count(after)).toBe(count(before) + 1)
  })

  test('fulfilments can be listed and inspected', async () => {
    const { id } = await placeHeld(ada)
    await all.waitForEvent(id, 'OrderConfirmed')
    const fields =
      'order { id number } phase pending stuck timers { name } updatedAt history { at type step }'
    const one = `query($id: ID!) { fulfilment(orderId: $id) { ${fields} } }`
    const found = (await all.request(OPS, one, { variables: { id } })).data.fulfilment
    expect(found).toMatchObject({ order: { id }, phase: 'RUNNING', stuck: false })
    expect(found.history[0]).toMatchObject({ type: 'FulfilmentStarted', step: null })
    expect(found.history.map(({ step }: Data) => step)).toContain('reserve-stock')
    const list = `query($last: Int, $first: Int, $before: String, $direction: SortDirection!) {
      fulfilments(filter: { phase: RUNNING, stuck: false }, first: $first, last: $last, before: $before,
        sort: { field: UPDATED_AT, direction: $direction }) {
        nodes { ${fields} } totalCount pageInfo { hasNextPage hasPreviousPage startCursor } } }`
    const running = async (variables: object) =>
      (await all.request(OPS, list, { variables })).data.fulfilments
    const idsOf = ({ nodes }: Data): string[] => nodes.map(({ order }: Data) => order.id)
    const newest = { first: 100, direction: 'DESC' }
    await expect.poll(async () => idsOf(await running(newest)), WAIT).toContain(id)
    const changed = (await running(newest)).nodes.map(({ updatedAt }: Data) => updatedAt)
    expect(changed).toEqual(changed.toSorted().reverse())
    const last = await running({ last: 1, direction: 'ASC' })
    expect(last.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: last.totalCount > 1 })
    const before = { before: last.pageInfo.startCursor, last: 100, direction: 'ASC' }
    expect(idsOf(await running(before))).not.toContain(idsOf(last)[0])
    const foreign = { variables: { ...before, direction: 'DESC' } }
    expect((await all.request(OPS, list, foreign)).codes).toEqual(['BAD_USER_INPUT'])
    expect((await all.request(ada, list, { variables: newest })).codes).toEqual(['FORBIDDEN'])
    expect((await all.request(ada, one, { variables: { id } })).data).toEqual({ fulfilment: null })
    expect((await all.request(undefined, one, { variables: { id } })).codes).toEqual(['UNAUTHENTICATED'])
    const nothing = await all.request(OPS, one, { variables: { id: newId('order') } })
    expect(nothing.data).toEqual({ fulfilment: null })
  })
})
