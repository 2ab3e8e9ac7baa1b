import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId, siblingId } from '#platform/domain/ids.ts'
import { fromDecimal } from '#platform/domain/money.ts'
import { openGraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import { ADDRESS, addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' }) // parcels stay where they are
  await Promise.all([
    addProduct(platform, { sku: 'mug', price: '1200.00', stock: { 'BER-1': 50 } }),
    addProduct(platform, { sku: 'pen', price: '3.00', stock: { 'BER-1': 500 } }),
    addProduct(platform, { sku: 'gone', price: '9.00', stock: {} }),
  ])
  shopper = await registerShopper(platform, 'Ada')
})
afterAll(() => platform?.[Symbol.asyncDispose]())

type Money = { readonly amount: string; readonly currency: string; readonly text: string }
type Card = {
  readonly id: string
  readonly title: string
  readonly status: string
  readonly statusText: string
  readonly total: Money
  readonly placed: string
  readonly placedAt: string
}
type Outcome = {
  readonly __typename: string
  readonly order?: Card
  readonly cancelledOrder?: Card | null
  readonly code?: string
  readonly message?: string
  readonly path?: readonly string[] | null
}

const GERMAN = { 'accept-language': 'de-DE, en;q=0.5' }
const MONEY = '{ amount currency text }'
const CARD = `id number title status statusText tone total ${MONEY} placed placedAt`
const WHY = '... on Refusal { code message path }'
const PLACE = `mutation ($input: CheckoutInput!) { checkout(input: $input) { __typename
  ... on OrderAccepted { order { ${CARD} } } ... on OrderPending { order { ${CARD} } }
  ... on OutOfStock { shortages { sku } cancelledOrder { ${CARD} } }
  ... on PaymentDeclined { cancelledOrder { ${CARD} } }
  ... on UnknownProduct { skus } ${WHY} } }`
const CANCEL = `mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename
  ... on OrderCancelled { order { ${CARD} allowedActions } }
  ... on CancellationPending { order { ${CARD} allowedActions } } ${WHY} } }`

/** Sends an operation as a phone would, in the language of `headers`. */
async function ask<T>(
  query: string,
  variables: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const reply = await platform.send<T>('bff-mobile', shopper.token, query, variables, headers)
  expect(reply.errors).toBeUndefined()
  return reply.data
}

async function codeOf(query: string, variables: object = {}): Promise<string | undefined> {
  const { errors } = await platform.send('bff-mobile', shopper.token, query, variables)
  return errors?.[0]?.extensions.code
}

const basket = (input: { readonly idempotencyKey: string } & Readonly<Record<string, unknown>>) => ({
  lines: [{ sku: 'pen', quantity: 1 }],
  tenders: [{ kind: 'CARD', token: 'tok_approve' }],
  deliveryAddress: ADDRESS,
  settleWithinMs: 10_000,
  ...input,
})

async function place(input: Parameters<typeof basket>[0], headers = {}): Promise<Outcome> {
  return (await ask<{ checkout: Outcome }>(PLACE, { input: basket(input) }, headers)).checkout
}

async function placed(idempotencyKey: string): Promise<string> {
  const { order } = await place({ idempotencyKey })
  if (!order) throw new Error('the order was refused')
  return order.id
}

const plain = (text: string | null | undefined) => text?.replaceAll(/[\u00a0\u202f]/g, ' ')

describe('an order by phone', () => {
  test("is placed, listed and shown in the user's language, with exact amounts and instants beside texts", async () => {
    const lines = [
      { sku: 'mug', quantity: 1 },
      { sku: 'pen', quantity: 2 },
    ]
    const input = { idempotencyKey: 'german', lines, shippingOption: 'EXPRESS' }
    const instructions = { deliveryInstructions: 'Beim Nachbarn abgeben.', reference: 'basket-7' }
    const { order: card } = await place({ ...input, ...instructions }, GERMAN)
    expect(card).toMatchObject({
      title: 'Product mug und 1 weitere',
      status: 'CONFIRMED',
      statusText: 'Bestätigt',
      tone: 'ACTIVE',
      placed: expect.stringMatching(/^\d\d\.\d\d\.\d{4}$/),
    })
    expect(plain(card?.total.text)).toMatch(/^1\.2\d\d,\d\d \$$/)
    expect(card?.total).toMatchObject({ amount: expect.stringMatching(/^12\d\d\.\d\d$/), currency: 'USD' })

    const listed = await ask<{ orders: { nodes: Card[] } }>(
      `{ orders(first: 1) { nodes { ${CARD} } } }`,
      {},
      GERMAN,
    )
    expect(listed.orders.nodes).toEqual([card])

    const { order } = await ask<{ order: Record<string, unknown> & { lines: { total: Money }[] } }>(
      `query ($id: ID!) { order(id: $id) {
        id reference headline itemsTotal { text } paid { amount } allowedActions notices { section }
        deliveryInstructions shippingOption deliveryAddress { name country }
        lines { id lineNo sku title quantity unitPrice { amount } total ${MONEY} product { id title } }
        shipments { id status statusText trackingNumber latest { at text } expected expectedAt } } }`,
      { id: card?.id },
      GERMAN,
    )
    expect(order).toMatchObject({
      id: card?.id,
      allowedActions: ['CANCEL'],
      notices: [],
      shippingOption: 'EXPRESS',
      deliveryAddress: { name: ADDRESS.name, country: 'US' },
      ...instructions,
    })
    expect(order.lines.map(line => ({ ...line, total: plain(line.total.text) }))).toMatchObject([
      { lineNo: 1, sku: 'mug', quantity: 1, unitPrice: { amount: '1200.00' }, total: '1.200,00 $' },
      { lineNo: 2, sku: 'pen', quantity: 2, unitPrice: { amount: '3.00' }, total: '6,00 $' },
    ])
    expect(order.lines[1]).toMatchObject({ product: { id: 'prd_pen', title: 'Product pen' } })
  })

  test('has amounts that add up, whatever it is made of', async () => {
    const support = await platform.token('support')
    const cents = fc.integer({ min: 1, max: 99_999 })
    const money = (minor: number) => ({ amount: (minor / 100).toFixed(2), currency: 'USD' })
    const orders = fc.record({
      lines: fc.array(fc.record({ quantity: fc.integer({ min: 1, max: 9 }), price: cents }), {
        minLength: 1,
        maxLength: 5,
      }),
      fee: fc.integer({ min: 0, max: 5_000 }),
      adjustments: fc.array(fc.record({ label: fc.constantFrom('Gift wrapping', 'VAT'), minor: cents }), {
        maxLength: 4,
      }),
      discount: fc.boolean(),
    })
    for (const [index, { lines, fee, adjustments, discount }] of fc.sample(orders, 8).entries()) {
      const input = {
        idempotencyKey: `sum-${index}`,
        customerId: shopper.id,
        lines: lines.map(({ quantity, price }) => ({ sku: 'pen', quantity, agreedUnitPrice: money(price) })),
        agreedShippingFee: money(fee),
        adjustments: [
          ...adjustments.map(({ label, minor }) => ({ label, amount: money(minor) })),
          ...(discount ? [{ label: 'Discount', amount: money(-1) }] : []),
        ],
        tenders: [{ kind: 'CARD', token: 'tok_approve' }],
        deliveryAddress: ADDRESS,
      }
      const reply = await platform.send<{ placeOrder: { order: { id: string } } }>(
        'gateway',
        support,
        'mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on OrderAccepted { order { id } } ... on OrderPending { order { id } } } }',
        { input },
      )
      await expectSums(reply.data.placeOrder.order.id, reply)
    }
  })

  test('is updated live in the language of the connection', async () => {
    const id = await placed('live')
    await using subscriber = subscribe<{ orderChanges: { order: Card } }>({
      url: platform.urls['bff-mobile'],
      token: shopper.token,
      query: 'subscription ($id: ID!) { orderChanges(id: $id) { order { statusText } } }',
      variables: { id },
      headers: GERMAN,
    })
    expect(await subscriber.next()).toEqual({ orderChanges: { order: { statusText: 'Bestätigt' } } })
  })

  test('can be cancelled, and shows that', async () => {
    const orderId = await placed('to-cancel')
    const input = { idempotencyKey: 'cancel', orderId, settleWithinMs: 10_000 }
    const { cancelOrder } = await ask<{ cancelOrder: Outcome }>(CANCEL, { input }, GERMAN)
    expect(cancelOrder).toMatchObject({
      __typename: 'OrderCancelled',
      // The money that was taken for the parcel before the cancellation is told beside it.
      order: {
        id: orderId,
        status: 'CANCELLED',
        statusText: expect.stringMatching(/^Storniert/),
        tone: 'PROBLEM',
        allowedActions: [],
      },
    })
    expect(await ask(CANCEL, { input }, GERMAN)).toMatchObject({
      cancelOrder: { __typename: 'OrderCancelled', order: { id: orderId, status: 'CANCELLED' } },
    })
    const { order } = await ask<{ order: unknown }>(
      'query ($id: ID!) { order(id: $id) { cancellation { reason text day } } }',
      { id: orderId },
    )
    expect(order).toEqual({
      cancellation: {
        reason: 'CUSTOMER_REQUEST',
        text: 'Cancelled as you asked',
        day: expect.stringContaining('20'),
      },
    })
  })

  test('that has arrived can be sent back, and no longer cancelled', async () => {
    const input = { idempotencyKey: 'arrives', deliveryInstructions: 'SANDBOX_FAST' }
    const orderId = (await place(input)).order?.id ?? ''
    await using subscriber = subscribe<{
      orderChanges: { order: { statusText: string; tone: string; allowedActions: string[] } }
    }>({
      url: platform.urls['bff-mobile'],
      token: shopper.token,
      query: 'subscription ($id: ID!) { orderChanges(id: $id) { order { statusText tone allowedActions } } }',
      variables: { id: orderId },
    })
    const seen = await subscriber.until(({ orderChanges: { order } }) =>
      order.allowedActions.includes('REQUEST_RETURN'),
    )
    expect(seen.at(-1)?.orderChanges.order).toMatchObject({ statusText: 'Delivered', tone: 'DONE' })
    const late = { idempotencyKey: 'late', orderId }
    expect((await ask<{ cancelOrder: Outcome }>(CANCEL, { input: late })).cancelOrder).toEqual({
      __typename: 'CannotCancel',
      code: 'ORDER_SHIPPED',
      message: expect.stringMatching(/\.$/),
      path: ['input', 'orderId'],
    })
    const sendBack = (quantity: number) =>
      ask<{ requestReturn: Outcome }>(
        `mutation ($input: RequestReturnInput!) { requestReturn(input: $input) { __typename
          ... on ReturnRequested { return { statusText refund { text } requested }
            order { id returns { reason lines { sku quantity } } } } ${WHY} } }`,
        {
          input: {
            idempotencyKey: `back-${quantity}`,
            orderId,
            lines: [{ sku: 'pen', quantity }],
            reason: 'Wrong colour.',
          },
        },
        GERMAN,
      )
    expect((await sendBack(2)).requestReturn).toMatchObject({
      __typename: 'CannotReturn',
      code: 'RETURN_EXCEEDS_DELIVERED',
      path: ['input', 'lines'],
    })
    expect((await sendBack(1)).requestReturn).toMatchObject({
      __typename: 'ReturnRequested',
      return: { statusText: 'Angemeldet', requested: expect.stringMatching(/^\d\d\.\d\d\.\d{4}$/) },
      order: { id: orderId, returns: [{ reason: 'Wrong colour.', lines: [{ sku: 'pen', quantity: 1 }] }] },
    })
  })
})

async function expectSums(id: string, { headers }: { readonly headers: Headers }): Promise<void> {
  const { order } = await ask<{
    order: {
      lines: { quantity: number; unitPrice: Money; total: Money }[]
      itemsTotal: Money
      shippingFee: Money
      adjustments: { amount: Money }[]
      total: Money
    }
  }>(
    `query ($id: ID!) { order(id: $id) { lines { quantity unitPrice ${MONEY} total ${MONEY} }
      itemsTotal ${MONEY} shippingFee ${MONEY} adjustments { amount ${MONEY} } total ${MONEY} } }`,
    { id },
    { 'waybill-consistency': headers.get('waybill-consistency') ?? '' },
  )
  const minor = ({ amount, currency }: Money) => fromDecimal(amount, currency).minor
  const sum = (amounts: readonly Money[]) => amounts.reduce((all, amount) => all + minor(amount), 0)
  const { lines, itemsTotal, shippingFee, total } = order
  const adjustments = order.adjustments.map(({ amount }) => amount)
  for (const line of lines) expect(line.quantity * minor(line.unitPrice)).toBe(minor(line.total))
  expect(sum(lines.map(line => line.total))).toBe(minor(itemsTotal))
  expect(sum([itemsTotal, shippingFee, ...adjustments])).toBe(minor(total))
  for (const money of [itemsTotal, shippingFee, total, ...adjustments, ...lines.map(line => line.total)])
    expect(Math.round(Number(money.text.replaceAll(/[$,]/g, '')) * 100)).toBe(minor(money))
}

describe('a command by phone that is refused', () => {
  test.each([
    [
      'an unknown product',
      { lines: [{ sku: 'nothing', quantity: 1 }] },
      'UnknownProduct',
      ['lines', '0', 'sku'],
    ],
    ['more than there is', { lines: [{ sku: 'gone', quantity: 1 }] }, 'OutOfStock', ['lines', '0', 'sku']],
    [
      'a card that is declined',
      { tenders: [{ kind: 'CARD', token: 'tok_decline' }] },
      'PaymentDeclined',
      ['tenders', '0'],
    ],
    [
      'another total than is expected',
      { expectedTotal: { amount: '1.00', currency: 'USD' } },
      'TotalChanged',
      ['expectedTotal'],
    ],
    [
      'a voucher that covers a part alone',
      { tenders: [{ kind: 'VOUCHER', token: 'vch_2000', amount: { amount: '1.00', currency: 'USD' } }] },
      'TenderMismatch',
      ['tenders'],
    ],
    ['no units', { lines: [{ sku: 'pen', quantity: 0 }] }, 'InvalidInput', ['lines', '0', 'quantity']],
  ])('gives the reason and its place: %s', async (name, input, type, path) => {
    const outcome = await place({ idempotencyKey: name, ...input })
    expect(outcome).toMatchObject({
      __typename: type,
      code: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.any(String),
      path: path && ['input', ...path],
    })
    const { cancelledOrder } = outcome
    if (cancelledOrder) expect(cancelledOrder).toMatchObject({ statusText: 'Cancelled', tone: 'PROBLEM' })
  })

  test('is a conflict when its key was used for another order', async () => {
    await place({ idempotencyKey: 'twice' })
    expect(await place({ idempotencyKey: 'twice', lines: [{ sku: 'pen', quantity: 2 }] })).toMatchObject({
      __typename: 'IdempotencyConflict',
      code: 'CONFLICT',
      path: ['input', 'idempotencyKey'],
    })
  })

  test('pays with a voucher and a card together', async () => {
    const tenders = [
      { kind: 'VOUCHER', token: 'vch_2000', amount: { amount: '1.00', currency: 'USD' } },
      { kind: 'CARD', token: 'tok_approve' },
    ]
    expect(await place({ idempotencyKey: 'split', tenders })).toMatchObject({ __typename: 'OrderAccepted' })
  })
})

describe('the list of orders', () => {
  type List = {
    readonly edges: { readonly cursor: string; readonly node: { readonly id: string } }[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean }
    readonly totalCount: number
    readonly totalCountCapped: boolean
  }
  const LIST = `query ($filter: OrderFilter, $sort: OrderSort, $first: Int, $after: String, $last: Int, $before: String) {
    orders(filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage } totalCount totalCountCapped } }`

  test('goes both ways, in either order, and counts', async () => {
    const session = openGraphSession(platform, 'bff-mobile', (await registerShopper(platform, 'Bob')).token)
    const ids: string[] = []
    for (let index = 0; index < 5; index++) {
      const input = basket({ idempotencyKey: `list-${index}`, settleWithinMs: 0 })
      const { checkout } = await session.data<{ checkout: { order: Card } }>(PLACE, { input })
      ids.unshift(checkout.order.id)
    }
    const list = async (variables: object) => (await session.data<{ orders: List }>(LIST, variables)).orders
    const idsOf = ({ edges }: List) => edges.map(({ node }) => node.id)
    const first = await list({ first: 2 })
    expect(idsOf(first)).toEqual(ids.slice(0, 2))
    expect(first).toMatchObject({
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
      totalCount: 5,
      totalCountCapped: false,
    })
    const second = await list({ first: 2, after: first.edges[1]?.cursor })
    expect(idsOf(second)).toEqual(ids.slice(2, 4))
    expect(second.pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: true })
    expect(idsOf(await list({ last: 2, before: second.edges[0]?.cursor }))).toEqual(ids.slice(0, 2))
    const end = await list({ last: 2 })
    expect(idsOf(end)).toEqual(ids.slice(3))
    expect(end.pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: true })
    const oldest = await list({ first: 5, sort: { field: 'PLACED_AT', direction: 'ASC' } })
    expect(idsOf(oldest)).toEqual(ids.toReversed())
    expect(idsOf(await list({ filter: { status: ['DELIVERED'] } }))).toEqual([])
  })

  test.each([
    ['no size', { first: 0 }],
    ['a negative size', { last: -1 }],
    ['a size past 50', { first: 51 }],
    ['both ends', { first: 1, last: 1 }],
    ['`after` with `last`', { last: 1, after: 'x' }],
    ['junk for a cursor', { first: 1, after: 'junk' }],
  ])('is refused for %s', async (_what, variables) => {
    expect(await codeOf(LIST, variables)).toBe('BAD_USER_INPUT')
  })

  test('is refused for a huge size before anything is read', async () => {
    expect(await codeOf(LIST, { last: 2_147_483_647 })).toBe('COST_ESTIMATED_TOO_EXPENSIVE')
  })
})

describe('the catalogue on a phone', () => {
  type Products = {
    readonly products: {
      readonly edges: { readonly node: { readonly sku: string } }[]
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
    }
  }
  const PRODUCTS = `query ($filter: ProductFilter, $after: String) { products(filter: $filter, first: 2, after: $after) {
    edges { node { id sku title price { text } availability availabilityText canOrder } }
    pageInfo { hasNextPage endCursor } } }`

  test('is searched, and read page by page', async () => {
    const filter = { category: 'test' }
    const { products: first } = await ask<Products>(PRODUCTS, { filter })
    expect(first.pageInfo.hasNextPage).toBe(true)
    const { products: second } = await ask<Products>(PRODUCTS, { filter, after: first.pageInfo.endCursor })
    expect(second.pageInfo.hasNextPage).toBe(false)
    const skus = [...first.edges, ...second.edges].map(({ node }) => node.sku)
    expect(skus.sort()).toEqual(['gone', 'mug', 'pen'])
    const found = await ask<Products>(PRODUCTS, { filter: { text: 'gone' } }, GERMAN)
    expect(found.products.edges).toMatchObject([
      {
        node: { sku: 'gone', availability: 'OUT_OF_STOCK', availabilityText: 'Ausverkauft', canOrder: false },
      },
    ])
    expect((await ask<{ categories: string[] }>('{ categories }')).categories).toEqual(['test'])
  })

  test('goes both ways in the order that is asked for, counts, and says by what it can be narrowed', async () => {
    const query = `query ($filter: ProductFilter, $sort: ProductSort, $last: Int, $before: String) {
      products(filter: $filter, sort: $sort, last: $last, before: $before) { nodes { sku } edges { cursor }
        pageInfo { hasNextPage hasPreviousPage } totalCount totalCountCapped
        facets { categories { value count } availability { availability availabilityText count }
          prices { currency min ${MONEY} max { text } } capped } } }`
    type Listed = {
      readonly products: Products['products'] & {
        readonly nodes: { readonly sku: string }[]
        readonly edges: { readonly cursor: string }[]
      }
    }
    const filter = { category: 'test' }
    const sort = { field: 'PRICE', direction: 'DESC' }
    const { products: end } = await ask<Listed>(query, { filter, sort, last: 2 })
    expect(end).toMatchObject({
      nodes: [{ sku: 'gone' }, { sku: 'pen' }],
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
      totalCount: 3,
      totalCountCapped: false,
      facets: {
        prices: [
          {
            currency: 'USD',
            min: { amount: '3.00', currency: 'USD', text: '$3.00' },
            max: { text: '$1,200.00' },
          },
        ],
        capped: false,
      },
    })
    const { products: before } = await ask<Listed>(query, {
      filter,
      sort,
      last: 2,
      before: end.edges[0]?.cursor,
    })
    expect(before.nodes).toEqual([{ sku: 'mug' }])
    const soldOut = { availability: 'OUT_OF_STOCK', availabilityText: 'Ausverkauft', count: 1 }
    expect((await ask<Listed>(query, { filter }, GERMAN)).products).toMatchObject({
      facets: { availability: expect.arrayContaining([soldOut]) },
    })
    expect(await codeOf(query, { filter, sort, last: 2, before: 'junk' })).toBe('BAD_USER_INPUT')
    const minPrice = { amount: '5.00', currency: 'USD' }
    const { products: dear } = await ask<Listed>(query, { filter: { ...filter, minPrice } })
    expect(dear.nodes).toEqual([{ sku: 'gone' }, { sku: 'mug' }])
  })

  test('returns one product with its description, pictures and variants, or null', async () => {
    const ops = await platform.token('ops')
    const shirt = (size: string) => ({
      idempotencyKey: `shirt-${size}`,
      sku: `shirt-${size}`,
      title: 'Shirt',
      family: 'shirt',
      options: [{ name: 'size', value: size }],
      description: 'Of cotton.\nWarm.',
      images: [{ url: '/images/shirt.svg', width: 400, height: 300, altText: 'A shirt' }],
      price: { amount: '20.00', currency: 'EUR' },
      weightGrams: 200,
      dimensions: { lengthCm: 30, widthCm: 20, heightCm: 2 },
    })
    for (const size of ['M', 'L'])
      await platform.send(
        'gateway',
        ops,
        'mutation ($input: AddProductInput!) { addProduct(input: $input) { __typename } }',
        { input: shirt(size) },
      )
    const query = `query ($sku: ID!) { product(sku: $sku) { id title description images { url width height altText }
      price ${MONEY} canOrder options { name value } added addedAt variants { id options { value } description } } }`
    await expect
      .poll(
        async () =>
          (await ask<{ product: { variants: unknown[] } | null }>(query, { sku: 'shirt-M' })).product,
      )
      .toMatchObject({
        id: 'prd_shirt-M',
        description: 'Of cotton.\nWarm.',
        images: [{ url: '/images/shirt.svg', width: 400, height: 300, altText: 'A shirt' }],
        price: { amount: '20.00', currency: 'EUR', text: '€20.00' },
        canOrder: false,
        options: [{ name: 'size', value: 'M' }],
        variants: [
          { id: 'prd_shirt-M', options: [{ value: 'M' }], description: 'Of cotton.\nWarm.' },
          { id: 'prd_shirt-L', options: [{ value: 'L' }], description: 'Of cotton.\nWarm.' },
        ],
      })
    expect(await ask<object>(query, { sku: 'nothing' })).toEqual({ product: null })
    expect(await ask<object>(query, { sku: 'no sku!' })).toEqual({ product: null })
  })

  test('says what sending a basket costs, which is what an order of it is charged', async () => {
    const lines = [
      { sku: 'mug', quantity: 1 },
      { sku: 'pen', quantity: 3 },
    ]
    const query = `query ($input: ShippingQuoteInput!) { shippingQuote(input: $input) { __typename
      ... on ShippingQuote { fee { amount text } days } ... on UnknownProduct { skus } ${WHY} } }`
    const quote = async (input: object) =>
      (await ask<{ shippingQuote: Outcome & { readonly fee: Money } }>(query, { input })).shippingQuote
    const { postalCode, country } = ADDRESS
    const { fee } = await quote({ lines, country, postalCode })
    const { order } = await place({ idempotencyKey: 'quoted', lines })
    const { order: charged } = await ask<{ order: { shippingFee: Money } }>(
      'query ($id: ID!) { order(id: $id) { shippingFee { amount text } } }',
      { id: order?.id },
    )
    expect(charged.shippingFee).toEqual(fee)
    expect(await quote({ lines: [...lines, { sku: 'nothing', quantity: 1 }], country })).toEqual({
      __typename: 'UnknownProduct',
      code: 'PRODUCT_UNKNOWN',
      message: expect.any(String),
      path: ['input', 'lines', '2', 'sku'],
      skus: ['nothing'],
    })
    expect(await quote({ lines: [{ sku: 'pen', quantity: 0 }], country })).toMatchObject({
      __typename: 'InvalidInput',
      path: ['input', 'lines', '0', 'quantity'],
    })
    expect(await quote({ lines: [], country })).toMatchObject({
      __typename: 'InvalidInput',
      path: ['input', 'lines'],
    })
  })
})

describe('the customer', () => {
  test('belongs to the caller', async () => {
    expect(await ask<object>('{ me { id name email } }')).toEqual({
      me: { id: shopper.id, name: 'Ada', email: `${shopper.id}@shop.example` },
    })
  })

  test('registers by phone, and is shown at once', async () => {
    const id = newId('customer')
    const session = openGraphSession(platform, 'bff-mobile', await platform.token('customer', id))
    expect(await session.data('{ me { id } }')).toEqual({ me: null })
    const register = `mutation ($input: RegisterCustomerInput!) { registerCustomer(input: $input) { __typename
      ... on CustomerRegistered { customer { id name } } ${WHY} } }`
    const input = { idempotencyKey: 'register', name: 'Cleo', email: 'cleo@shop.example' }
    expect(await session.data(register, { input: { ...input, email: 'nowhere' } })).toMatchObject({
      registerCustomer: { __typename: 'InvalidInput', path: ['input', 'email'] },
    })
    expect(await session.data(register, { input })).toEqual({
      registerCustomer: { __typename: 'CustomerRegistered', customer: { id, name: 'Cleo' } },
    })
    expect(await session.data('{ me { name } }')).toEqual({ me: { name: 'Cleo' } })
  })
})

describe('anything by its id', () => {
  const NODE = `query ($id: ID!) { node(id: $id) { __typename id
    ... on Order { number } ... on Product { title } ... on Customer { name } ... on Shipment { statusText } } }`
  const node = async (id: string) => (await ask<{ node: object | null }>(NODE, { id })).node

  test('is found again', async () => {
    const id = await placed('node')
    expect(await node(id)).toMatchObject({ __typename: 'Order', id, number: expect.stringMatching(/^W/) })
    expect(await node('prd_mug')).toEqual({ __typename: 'Product', id: 'prd_mug', title: 'Product mug' })
    expect(await node(shopper.id)).toEqual({ __typename: 'Customer', id: shopper.id, name: 'Ada' })
    const parcels = () =>
      ask<{ order: { shipments: { id: string }[] } }>(
        'query ($id: ID!) { order(id: $id) { shipments { id } } }',
        { id },
      )
    await expect.poll(async () => (await parcels()).order.shipments).toHaveLength(1)
    const [parcel] = (await parcels()).order.shipments
    expect(await node(parcel?.id ?? '')).toMatchObject({ __typename: 'Shipment', id: parcel?.id })
    const { nodes } = await ask<{ nodes: ({ id: string } | null)[] }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
      { ids: ['prd_mug', 'prd_nothing', id, parcel?.id] },
    )
    expect(nodes.map(found => found?.id ?? null)).toEqual(['prd_mug', null, id, parcel?.id])
  })

  test('is null when it is not there, of another form, or of somebody else', async () => {
    const eve = openGraphSession(platform, 'bff-mobile', (await registerShopper(platform, 'Eve')).token)
    const id = await placed('foreign')
    const foreign = await eve.data<{ nodes: unknown[] }>('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: [id, shopper.id],
    })
    expect(foreign.nodes).toEqual([null, null])
    for (const unknown of [newId('order'), newId('shipment'), newId('customer'), newId('return')])
      expect(await node(unknown), unknown).toBeNull()
    for (const odd of ['', 'W1', 'ord_1', 'prd_', 'prd_no sku', siblingId('payment', id), 'x'.repeat(1_000)])
      expect(await node(odd), odd).toBeNull()
  })

  test('is refused for no ids, and for more than 100', async () => {
    const many = (count: number) => ({ ids: Array.from({ length: count }, (_, index) => `prd_${index}`) })
    for (const count of [0, 101])
      expect(await codeOf('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', many(count))).toBe(
        'BAD_USER_INPUT',
      )
  })
})
