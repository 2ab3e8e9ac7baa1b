// Tests the sandbox provider: the port's contract, a ledger that survives a restart, and its notices.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import { verifyWebhook } from '#platform/webhooks/signature.ts'
import { noticeSchema } from '#subgraphs/payment/adapters/payment-provider.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { providerContract } from './payment-provider.contract.ts'
import { openSandbox, openShop, SECRET } from './sandbox-fixture.ts'

providerContract('sandbox', async () => {
  const provider = await openSandbox()
  return {
    provider,
    sums: reference => provider.sums(reference),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  }
})

function authorisation(token: string) {
  return {
    idempotencyKey: randomUUID(),
    reference: newId('payment'),
    tenderId: newId('tender'),
    kind: 'CARD' as const,
    token,
    amount: { minor: 5_000, currency: 'EUR' },
  }
}

test('idempotency keys survive a restart', async () => {
  const databaseUrl = await freshDatabase()
  const call = authorisation('tok_approve')
  const before = await openSandbox({ databaseUrl })
  const answer = await before.authorise(call)
  await before[Symbol.asyncDispose]()
  await using after = await openSandbox({ databaseUrl })
  expect(await after.authorise(call)).toEqual(answer)
  expect(await after.sums(call.reference)).toMatchObject([{ authorised: 5_000, operations: ['authorise'] }])
})

test.each([
  ['tok_approval', 'payment.approved', 5_000],
  ['slip_bank', 'payment.approved', 5_000],
  ['tok_approval_declined', 'payment.declined', 0],
])('%s sends %s in a signed webhook until it is accepted', async (token, type, authorised) => {
  await using shop = await openShop(() => 204)
  await using provider = await openSandbox()
  provider.start(shop.url)
  const call = authorisation(token)
  const answer = await provider.authorise(call)
  const [delivery] = await shop.deliveries(1)
  if (!delivery) throw new Error('nothing was delivered')
  verifyWebhook(
    SECRET,
    {
      headers: { 'waybill-signature': String(delivery.headers['waybill-signature']) },
      rawBody: delivery.body,
    },
    new Date(),
  )
  const notice = noticeSchema.parse(JSON.parse(delivery.body))
  expect(notice).toMatchObject({ type, reference: call.reference, tenderId: call.tenderId })
  expect(answer).toEqual({ status: 'pending', providerRef: notice.providerRef })
  expect(await provider.authorise(call)).toEqual(answer)
  expect((await provider.sums(call.reference))[0]?.authorised ?? 0).toBe(authorised)
})

test('a notice that is not accepted is sent again with the same id', async () => {
  await using shop = await openShop((_, nth) => (nth < 3 ? 503 : 204))
  await using provider = await openSandbox()
  provider.start(shop.url)
  await provider.authorise(authorisation('tok_approval'))
  const deliveries = await shop.deliveries(3)
  expect(new Set(deliveries.map(({ body }) => JSON.parse(body).id)).size).toBe(1)
})

test('a notice that was due while no process ran is sent by the next one', async () => {
  const databaseUrl = await freshDatabase()
  const call = authorisation('tok_approval')
  const before = await openSandbox({ databaseUrl })
  await before.authorise(call)
  await before[Symbol.asyncDispose]()
  await using shop = await openShop(() => 204)
  await using after = await openSandbox({ databaseUrl })
  after.start(shop.url)
  const [delivery] = await shop.deliveries(1)
  expect(JSON.parse(delivery?.body ?? '{}')).toMatchObject({ reference: call.reference })
})

test('two processes on one ledger send each notice once', async () => {
  const databaseUrl = await freshDatabase()
  await using shop = await openShop(() => 204)
  {
    await using one = await openSandbox({ databaseUrl })
    await using other = await openSandbox({ databaseUrl })
    one.start(shop.url)
    other.start(shop.url)
    await Promise.all(Array.from({ length: 40 }, () => one.authorise(authorisation('slip_x'))))
    await shop.deliveries(40)
  }
  expect(new Set(shop.received.map(({ body }) => JSON.parse(body).id)).size).toBe(40)
  expect(shop.received).toHaveLength(40)
})

test('a void before the approval means that no notice is sent and nothing is authorised', async () => {
  await using shop = await openShop(() => 204)
  let now = new Date()
  await using provider = await openSandbox({ approvalMs: 60_000, now: () => now })
  const voided = authorisation('tok_approval')
  await provider.authorise(voided)
  const { reference, tenderId } = voided
  await provider.void({ idempotencyKey: randomUUID(), reference, tenderId })
  const later = authorisation('tok_approval')
  await provider.authorise(later)
  now = new Date(now.getTime() + 60_000)
  provider.start(shop.url)
  await shop.deliveries(1)
  await provider.stop()
  expect(shop.received.map(({ body }) => JSON.parse(body).reference)).toEqual([later.reference])
  expect((await provider.sums(reference))[0]?.authorised).toBe(0)
})
