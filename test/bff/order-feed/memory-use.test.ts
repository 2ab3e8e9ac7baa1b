import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Scope } from '#bff/order-feed/change.ts'
import { ALL, answering, openFeed, started, ZOE } from './feed-fixture.ts'
import { buyer, publishAbout, turn } from './in-memory-bus.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

async function heap(): Promise<number> {
  for (let times = 0; times < 4; times++) {
    collect()
    await turn()
  }
  return process.memoryUsage().heapUsed
}

test.each<[string, (index: number) => Scope]>([
  ['one scope', () => ALL],
  ['an order of their own', () => ({ order: buyer('cus_zoe').id })],
])('10,000 idle subscribers of %s take less than 2 KB each', async (_what, scopeOf) => {
  await using setup = openFeed({ answering })
  const before = await heap()
  const waiting: unknown[] = []
  for (let index = 0; index < 10_000; index++) {
    const stream = await started(await setup.watch(scopeOf(index)))
    waiting.push(stream, stream.next())
  }
  const each = ((await heap()) - before) / 10_000
  expect(each).toBeLessThan(2_000)
  expect(waiting).toHaveLength(20_000)
})

test('subscribers that do not read, and a gateway that is down, take no memory for events meanwhile', async () => {
  let isAway = true
  await using setup = openFeed({
    answering: id => (isAway ? new Error('the gateway is away') : answering(id)),
    limits: { window: 500 },
  })
  const streams = await Promise.all(
    [ALL, { order: ZOE.id }, { customer: ZOE.customer }].map(async scope =>
      started(await setup.watch(scope)),
    ),
  )
  const rush = () => {
    for (let count = 0; count < 5_000; count++) publishAbout(setup.bus, 'shipping', ZOE)
    setup.follower.hearAll()
    setup.bus.trim('shipping', setup.bus.newest('shipping'))
  }
  rush()
  const before = await heap()
  for (let times = 0; times < 10; times++) rush()
  expect((await heap()) - before).toBeLessThan(1_000_000)
  isAway = false
  for (const stream of streams) expect((await stream.next()).value?.kind).toBe('RESTARTED')
})
