// Tests fulfilments on a Temporal server: the checkout contract, and the operators' queries.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WAIT } from '#test/fixtures/wait.ts'
import { freshNamespace } from '#test/platform/saga/temporal/temporal-fixture.ts'
import { checkoutContract } from '#test/subgraphs/orders/checkout.contract.ts'
import {
  anOrder,
  type Data,
  OPS,
  PLACE,
  type Running,
  runSubgraphs,
} from '#test/subgraphs/orders/orders-fixture.ts'
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { temporal } from '#testbed/engines/temporal.ts'

/** Longer than the retries of one delivery. */
const AWAY_MS = 25_000
const found = temporal.find()
const missing = missingReason(temporal)

describe.skipIf(missing)(missing ? `fulfilments on Temporal (skipped: ${missing})` : 'fulfilments', () => {
  let server: RunningEngine

  beforeAll(async () => {
    if (found) server = await found.start()
  })

  afterAll(() => server?.[Symbol.asyncDispose]())

  checkoutContract(found?.version ?? 'Temporal', async () =>
    runSubgraphs({ workflowUrl: await freshNamespace(server.url) }),
  )

  describe('in the operators’ queries', () => {
    let all: Running
    const fields = 'order { id } phase pending stuck timers { name } history { at type step }'

    beforeAll(async () => {
      const workflowUrl = await freshNamespace(server.url)
      all = await runSubgraphs({ workflowUrl, approvalTimeoutMs: 1_500, approvalMs: 4_000 })
      await all.addProduct('MUG', { 'BER-1': 100 })
    })

    afterAll(() => all?.[Symbol.asyncDispose]())

    async function place(changes: object): Promise<string> {
      const ada = await all.newCustomer()
      const { data, messages } = await all.request(ada, PLACE, {
        variables: anOrder('MUG', { settleWithinMs: 0, ...changes }),
      })
      expect(messages).toEqual([])
      return data.placeOrder.order.id
    }

    async function look(id: string): Promise<Data> {
      const one = `query($id: ID!) { fulfilment(orderId: $id) { ${fields} } }`
      return (await all.request(OPS, one, { variables: { id } })).data.fulfilment
    }

    async function list(filter: string): Promise<string[]> {
      const { data } = await all.request(
        OPS,
        `{ fulfilments(filter: { ${filter} }, first: 100) { nodes { ${fields} } } }`,
      )
      return data.fulfilments.nodes.map((entry: Data) => entry.order.id)
    }

    test('are listed by phase and show their history, while they run and after their end', async () => {
      const held = await place({ deliveryInstructions: 'SANDBOX_HOLD' })
      const through = await place({})
      await all.waitForEvent(held, 'OrderConfirmed')
      await all.waitForEvent(through, 'OrderCompleted')
      await expect.poll(() => list('phase: ENDED'), WAIT).toEqual([through])
      expect(await list('phase: RUNNING, stuck: false')).toEqual([held])
      expect(await look(held)).toMatchObject({ order: { id: held }, phase: 'RUNNING', stuck: false })
      const { history, pending } = await look(through)
      expect(history[0]).toMatchObject({ type: 'FulfilmentStarted' })
      expect(history.map(({ step }: Data) => step)).toContain('complete-order')
      expect(pending).toEqual([])
    })

    test('show the timer that fired when an approval times out, and the payment is voided', async () => {
      const id = await place({ tenders: [{ kind: 'CARD', token: 'tok_approval' }] })
      await all.waitForEvent(id, 'OrderCancelled')
      await expect.poll(() => list('phase: ENDED'), WAIT).toContain(id)
      await expect
        .poll(async () => (await look(id)).history.map(({ type }: Data) => type), WAIT)
        .toEqual(expect.arrayContaining(['TimerFired']))
      await expect
        .poll(() => all.paymentOf(id), WAIT)
        .toMatchObject({ status: 'VOIDED', captured: { amount: '0.00' } })
    })
  })

  test.skipIf(!found || found.from === 'TEMPORAL_URL')(
    'orders that are placed while Temporal is away are fulfilled when it is back',
    async () => {
      await using all = await runSubgraphs({ workflowUrl: await freshNamespace(server.url) })
      await all.addProduct('MUG', { 'BER-1': 100 })
      const ada = await all.newCustomer()
      await server.faults?.kill()
      const { data } = await all.request(ada, PLACE, { variables: anOrder('MUG', { settleWithinMs: 0 }) })
      expect(data.placeOrder).toMatchObject({ __typename: 'OrderPending' })
      await delay(AWAY_MS)
      await server.faults?.restart()
      await all.waitForEvent(data.placeOrder.order.id, 'OrderCompleted')
    },
  )
})
