import { beforeEach, describe, expect, test } from 'vitest'
import { planOf } from '#test/tools/import/files.ts'
import { type Answer, type Request, startScriptedBff } from '#test/tools/import/scripted-bff.ts'
import type { Plan, PlannedOrder } from '#tools/import/plan.ts'
import type { Progress } from '#tools/import/progress.ts'
import { addProducts, placeOrder, type Replay, replayOrders } from '#tools/import/replay.ts'
import { exitCodeOf } from '#tools/import/report.ts'
import { checkOrders } from '#tools/import/validation.ts'
import { createWebClient } from '#tools/import/web-client.ts'

const noProgress: Progress = { step: () => {}, end: () => {} }
const PATIENCE_MS = 2_000
const LONG_AGO = '2020-01-01T00:00:00.000Z'

let plan: Plan
let order: PlannedOrder
beforeEach(async () => {
  plan = await planOf({})
  const [first] = plan.orders
  if (!first) throw new Error('the fixture has no order')
  order = first
})

type Answers = Readonly<Record<string, (request: Request) => Answer>>

/** Runs `work` against a BFF that responds by operation; operations without a script succeed. */
async function against<T>(answers: Answers, work: (replay: Replay) => Promise<T>) {
  await using bff = await startScriptedBff(request => (answers[request.operation] ?? done)(request))
  await using web = createWebClient({
    url: bff.url,
    token: async () => 'token',
    connections: 4,
    patienceMs: PATIENCE_MS,
  })
  const result = await work({ web, source: 'olist', currency: 'BRL', width: 4, since: Date.now() })
  return { result, requests: bff.requests, isAway: web.isAway() }
}

function done({ operation }: Request): Answer {
  switch (operation) {
    case 'ImportProduct':
      return { data: { addProduct: { __typename: 'ProductChanged' } } }
    case 'ImportCustomer':
      return { data: { registerCustomer: { __typename: 'CustomerRegistered' } } }
    case 'ImportOrder':
      return accepted('ord_1')
    case 'ImportedEarlier':
      return earlier([])
    default:
      throw new Error(`the test has no answer for ${operation}`)
  }
}

const accepted = (id: string): Answer => ({
  data: { checkout: { __typename: 'OrderAccepted', order: { id } } },
})
/** A page of orders of the reference o1 and the content of the fixture's first order, unless `changes` say otherwise. */
const earlier = (changes: readonly object[], endCursor?: string): Answer => ({
  data: {
    orders: {
      nodes: changes.map(change => ({
        id: 'ord_9',
        reference: 'o1',
        status: 'COMPLETED',
        lines: [{ sku: 'p1', quantity: 1 }],
        total: { amount: '11.50', currency: 'BRL' },
        ...change,
      })),
      pageInfo: { hasNextPage: endCursor !== undefined, endCursor: endCursor ?? null },
    },
  },
})
const refused = (typename: string, code: string): Answer => ({
  data: { checkout: { __typename: typename, code, message: 'No.' } },
})
const invalid = (message: string) => ({ __typename: 'InvalidInput', code: 'BAD_USER_INPUT', message })
const notFulfilled = (id: string): Answer => ({
  data: {
    checkout: { __typename: 'OrderNotFulfilled', order: { id }, code: 'NOT_FULFILLED', message: 'No.' },
  },
})
const cancelledFor = (reason: string) => (): Answer => ({
  data: { order: { status: 'CANCELLED', cancellation: { reason, message: 'Away.', at: LONG_AGO } } },
})
const keyOf = ({ variables }: Request) => (variables.input as { idempotencyKey: string }).idempotencyKey
const keysOf = (requests: readonly Request[]) =>
  requests.filter(({ operation }) => operation === 'ImportOrder').map(keyOf)

/** Responds by the order's keys: the first, the second … */
const byKey =
  (...answers: Answer[]) =>
  (request: Request): Answer =>
    answers[Number(/:(\d+)$/.exec(keyOf(request))?.[1] ?? 1) - 1] ?? 'cut'

describe('an order whose key keeps a refusal', () => {
  test('is placed under its next key when a service had been away', async () => {
    const { result, requests } = await against(
      {
        ImportOrder: byKey(notFulfilled('ord_1'), accepted('ord_2')),
        ImportedCancellation: cancelledFor('PAYMENT_UNAVAILABLE'),
      },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'placed', id: 'ord_2', keyNumber: 2 })
    expect(keysOf(requests)).toEqual(['olist:order:o1', 'olist:order:o1:2'])
  })

  test('is placed under its next key when its product was missing in an earlier run', async () => {
    const { result } = await against(
      { ImportOrder: byKey(refused('UnknownProduct', 'PRODUCT_UNKNOWN'), accepted('ord_2')) },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'placed', id: 'ord_2' })
  })

  test('is found under the key of the run that placed it, and placed no second time', async () => {
    const old = notFulfilled('ord_1')
    const answers = {
      ImportOrder: byKey(old, old, old, old, accepted('ord_5')),
      ImportedCancellation: cancelledFor('OUT_OF_STOCK'),
    }
    for (let run = 1; run <= 2; run++) {
      const { result, requests } = await against(answers, replay => placeOrder(replay, order))
      expect(result).toMatchObject({ status: 'placed', id: 'ord_5', keyNumber: 5 })
      expect(keysOf(requests)).toHaveLength(5)
    }
  })

  test('stays refused when the refusal is about the order itself', async () => {
    const { result, requests } = await against(
      { ImportOrder: () => refused('TotalChanged', 'TOTAL_CHANGED') },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'refused', reason: 'TOTAL_CHANGED No.' })
    expect(keysOf(requests)).toHaveLength(1)
  })

  test('stays refused once all its keys are used', async () => {
    const { result, requests } = await against(
      { ImportOrder: () => refused('UnknownCustomer', 'CUSTOMER_UNKNOWN') },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'refused', keyNumber: 20 })
    expect(keysOf(requests)).toHaveLength(20)
  })
})

describe('an order that was imported with other content', () => {
  test('is left unchanged, and reported', async () => {
    const { result } = await against(
      { ImportOrder: () => refused('IdempotencyConflict', 'CONFLICT'), ImportedEarlier: () => earlier([{}]) },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'refused', reason: expect.stringContaining('as ord_9') })
  })

  test('is placed when the earlier one was cancelled', async () => {
    const { result } = await against(
      {
        ImportOrder: byKey(refused('IdempotencyConflict', 'CONFLICT'), accepted('ord_2')),
        ImportedEarlier: () => earlier([{ status: 'CANCELLED' }]),
      },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'placed', id: 'ord_2' })
  })
})

describe('an order that an earlier run placed', () => {
  const again = (answers: Answers, planned = order, failed: Parameters<typeof replayOrders>[2] = new Map()) =>
    against(answers, async replay => (await replayOrders(replay, [planned], failed, noProgress))[0])
  const operations = (requests: readonly Request[]) => requests.map(({ operation }) => operation)

  test('is recognised by its reference, and nothing is sent for it', async () => {
    const others = earlier(
      [
        { id: 'ord_7', reference: 'o1-b' },
        { id: 'ord_8', reference: null },
      ],
      'next',
    )
    const { result, requests } = await again({
      ImportedEarlier: ({ variables }) => (variables.after === 'next' ? earlier([{}]) : others),
    })
    expect(result).toMatchObject({ status: 'placed', id: 'ord_9' })
    expect(operations(requests)).toEqual(['ImportedEarlier', 'ImportedEarlier'])
  })

  test('is recognised although one of its products cannot be added', async () => {
    const failed = new Map([['p1', { status: 'refused', reason: 'No.' } as const]])
    const { result } = await again({ ImportedEarlier: () => earlier([{}]) }, order, failed)
    expect(result).toMatchObject({ status: 'placed', id: 'ord_9' })
  })

  test.each([
    { lines: [{ sku: 'p1', quantity: 2 }] },
    { lines: [{ sku: 'p2', quantity: 1 }] },
    { lines: [] },
    { total: { amount: '11.51', currency: 'BRL' } },
    { total: { amount: '11.50', currency: 'USD' } },
  ])('with other content is left unchanged, and reported: %j', async change => {
    const { result, requests } = await again({ ImportedEarlier: () => earlier([change]) })
    expect(result).toMatchObject({ status: 'refused', reason: expect.stringContaining('as ord_9') })
    expect(operations(requests)).toEqual(['ImportedEarlier'])
  })

  test('is cancelled if its customer cancelled it and the earlier run did not come to that', async () => {
    const { result, requests } = await again(
      {
        ImportedEarlier: () => earlier([{ status: 'CONFIRMED' }]),
        ImportCancellation: () => ({ data: { cancelOrder: { __typename: 'OrderCancelled' } } }),
      },
      { ...order, outcome: 'cancelled' },
    )
    expect(result).toMatchObject({ status: 'placed', id: 'ord_9' })
    expect(requests.at(-1)?.variables).toMatchObject({ input: { orderId: 'ord_9' } })
  })

  test('and cancelled as its customer did stays so', async () => {
    const { result, requests } = await again(
      {
        ImportedEarlier: () => earlier([{ status: 'CANCELLED' }]),
        ImportedCancellation: cancelledFor('CUSTOMER_REQUEST'),
      },
      { ...order, outcome: 'cancelled' },
    )
    expect(result).toMatchObject({ status: 'placed', id: 'ord_9' })
    expect(operations(requests)).toEqual(['ImportedEarlier', 'ImportedCancellation'])
  })

  test('is placed again when it was cancelled because a service was away, and not when its payment was declined', async () => {
    const cancelled = (reason: string) =>
      again({
        ImportedEarlier: () => earlier([{ status: 'CANCELLED' }]),
        ImportedCancellation: cancelledFor(reason),
      })
    const passing = await cancelled('PAYMENT_UNAVAILABLE')
    expect(passing.result).toMatchObject({ status: 'placed', id: 'ord_1', keyNumber: 1 })
    const declined = await cancelled('PAYMENT_DECLINED')
    expect(declined.result).toMatchObject({ status: 'refused', reason: expect.stringContaining('ord_9') })
    expect(keysOf(declined.requests)).toEqual([])
  })
})

test('a product whose key is forgotten is recognised by its title', async () => {
  const adding = (title: string) =>
    against(
      {
        ImportProduct: () => ({
          data: { addProduct: { __typename: 'ProductExists', code: 'PRODUCT_EXISTS', message: 'No.' } },
        }),
        ImportedProduct: () => ({ data: { product: { title } } }),
      },
      replay => addProducts(replay, plan.products.slice(0, 1), noProgress),
    )
  expect((await adding(plan.products[0]?.title ?? '')).result).toEqual(new Map())
  expect((await adding('Something else')).result.get('p1')).toMatchObject({ status: 'refused' })
})

describe('an unavailable platform', () => {
  test('gets the request again under the same key', async () => {
    let asked = 0
    const answers: Answer[] = ['cut', { code: 'UNAVAILABLE' }, { code: 'RATE_LIMITED' }]
    const { result, requests } = await against(
      { ImportOrder: () => answers[asked++] ?? accepted('ord_1') },
      replay => placeOrder(replay, order),
    )
    expect(result).toMatchObject({ status: 'placed', keyNumber: 1 })
    expect(new Set(keysOf(requests))).toEqual(new Set(['olist:order:o1']))
  })

  test('costs only the row that stays unanswered while others are answered', async () => {
    const hung = ({ variables }: Request): Answer =>
      (variables.input as { reference: string }).reference === 'o1' ? 'cut' : accepted('ord_2')
    const { result } = await against({ ImportOrder: hung }, async replay => {
      const others = setInterval(
        () => void replay.web.send('mutation ImportCustomer { a }', {}).catch(() => {}),
        50,
      )
      return replayOrders(replay, plan.orders, new Map(), noProgress).finally(() => clearInterval(others))
    })
    expect(Object.fromEntries(result.map(({ order, status }) => [order.sourceId, status]))).toEqual({
      o1: 'unanswered',
      o2: 'placed',
    })
  })

  test('is given up once nothing has been answered within --patience', async () => {
    const { result, isAway } = await against({ ImportProduct: () => 'cut' }, replay =>
      addProducts(replay, plan.products, noProgress),
    )
    expect([...result.values()].map(({ status }) => status)).toEqual(['unanswered', 'unanswered'])
    expect(isAway).toBe(true)
  })

  test('that does not accept the token ends the import', async () => {
    const running = against({ ImportCustomer: () => ({ code: 'UNAUTHENTICATED' }) }, replay =>
      placeOrder(replay, order),
    )
    await expect(running).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
  })
})

test('a customer that is refused fails its order', async () => {
  const { result, requests } = await against(
    { ImportCustomer: () => ({ data: { registerCustomer: invalid('email: bad') } }) },
    replay => placeOrder(replay, order),
  )
  expect(result).toMatchObject({ status: 'refused', reason: 'BAD_USER_INPUT email: bad' })
  expect(keysOf(requests)).toEqual([])
})

test('a refused product fails only its own orders', async () => {
  const { result } = await against(
    {
      ImportProduct: ({ variables }) =>
        (variables.input as { sku: string }).sku === 'p1'
          ? { data: { addProduct: invalid('title: bad') } }
          : done({ operation: 'ImportProduct', variables }),
    },
    async replay => {
      const failed = await addProducts(replay, plan.products, noProgress)
      return replayOrders(replay, plan.orders, failed, noProgress)
    },
  )
  expect(result).toContainEqual(
    expect.objectContaining({ status: 'refused', reason: 'product p1: BAD_USER_INPUT title: bad' }),
  )
  expect(result).toContainEqual(expect.objectContaining({ status: 'placed' }))
})

describe('the check of placed orders', () => {
  const money = (amount: string) => ({ amount, currency: 'BRL' })
  const page = (status: string, reason?: string) => ({
    status,
    cancellation: reason ? { reason } : null,
    total: money('11.50'),
    reservation: { status: 'SHIPPED', allocations: [{ quantity: 1, shipped: 1 }] },
    payments: [
      {
        amount: money('11.50'),
        authorised: money('11.50'),
        captured: money('11.50'),
        refunded: money('0.00'),
      },
    ],
  })
  const imported = (check: Awaited<ReturnType<typeof checkOrders>>) => ({
    plan,
    currency: 'BRL',
    seconds: 1,
    failedProducts: new Map(),
    failedOrders: [],
    check,
  })

  test('places an order again that was cancelled because a service was unavailable', async () => {
    const { result, requests } = await against(
      {
        ImportOrder: byKey(accepted('ord_1'), accepted('ord_2')),
        ImportedOrder: ({ variables }) => ({
          data: {
            order: variables.id === 'ord_1' ? page('CANCELLED', 'PAYMENT_UNAVAILABLE') : page('COMPLETED'),
          },
        }),
      },
      replay => checkOrders(replay, [{ order, keyNumber: 1, status: 'placed', id: 'ord_1' }], noProgress),
    )
    expect(result.orders).toMatchObject([{ verdict: 'as planned', placement: { id: 'ord_2', keyNumber: 2 } }])
    expect(keysOf(requests)).toEqual(['olist:order:o1:2'])
    expect(exitCodeOf(imported(result))).toBe(0)
  })

  test('reports an unfinished import when it gets no response', async () => {
    const { result } = await against({ ImportedOrder: () => 'cut' }, replay =>
      checkOrders(replay, [{ order, keyNumber: 1, status: 'placed', id: 'ord_1' }], noProgress),
    )
    expect(result.orders).toMatchObject([{ verdict: 'unknown' }])
    expect(exitCodeOf(imported(result))).toBe(4)
  })

  test('does not report success without any order', async () => {
    const { result } = await against({}, replay => checkOrders(replay, [], noProgress))
    expect(exitCodeOf(imported(result))).toBe(2)
  })
})
