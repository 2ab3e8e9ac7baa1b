// Tests the read models of payment on a real database: live, and rebuilt from the log.
import { expect, test } from 'vitest'
import { siblingId } from '#platform/domain/ids.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { View } from '#platform/read-models/projection.ts'
import type { Document } from '#platform/read-models/read-models.ts'
import { startProjections } from '#platform/read-models/run-projections.ts'
import { paymentsView, totalsView } from '#subgraphs/payment/queries/views.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { commandWithKey, euros, openPaymentsFixture, orderOf } from '../commands/payments-fixture.ts'

test('a rebuild gives the same documents as the live view', async () => {
  const url = await freshDatabase()
  await using fixture = await openPaymentsFixture(url)
  await using store = await openPostgresEventStore({ url })
  await using readModels = await openReadModels(url)
  const views = [paymentsView, totalsView] as unknown as View<Document>[]
  await using projections = await startProjections({ store, readModels, views })

  const made = [
    orderOf(['tok_approve', 6_000], ['vch_gift', 4_000]),
    orderOf(['tok_decline', 500], ['tok_approve', 700]),
    orderOf(['tok_approval_never', 900]),
    orderOf(['tok_down', 1_100]),
  ]
  for (const order of made)
    await fixture.payments.authorise(order, commandWithKey(order.orderId)).catch(() => {})
  const [first] = made
  if (!first) throw new Error('nothing was made')
  const { orderId } = first
  await fixture.payments.capture({ orderId, amount: euros(5_000) }, commandWithKey('capture'))
  await fixture.payments.refund({ orderId, amount: euros(1_000) }, commandWithKey('refund'))
  await fixture.payments.void({ orderId }, commandWithKey('void'))
  expect(await projections.reached(await store.head(), 5_000)).toBe(true)

  const ids = made.map(order => siblingId('payment', order.orderId))
  const look = async () => ({
    payments: await projections.collection(paymentsView).getMany(ids),
    totals: await projections.collection(totalsView).getMany(['EUR']),
  })
  const live = await look()
  expect(live.payments.size).toBe(4)
  expect(live.totals.get('EUR')).toMatchObject({
    requested: 13_200,
    authorised: 10_700,
    captured: 5_000,
    voided: 5_700,
    refunded: 1_000,
  })
  await projections.rebuild(paymentsView)
  await projections.rebuild(totalsView)
  expect(await look()).toEqual(live)
})
