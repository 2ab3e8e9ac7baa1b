import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  answerItems,
  answerPrices,
  shopSupergraph,
  startShopGateway,
} from '#test/gateway/graph/reload-fixture.ts'

let fixture: Awaited<ReturnType<typeof startShopGateway>>
beforeAll(async () => {
  fixture = await startShopGateway({ reload: { pollMs: 0 } })
})
afterAll(() => fixture?.[Symbol.asyncDispose]())

/** Returns the value of one series, or 0 when it does not exist yet. */
async function metric(series: string): Promise<number> {
  const text = await (await fetch(`${fixture.gateway.url}/metrics`)).text()
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1) ?? 0)
}

async function growth(series: string, work: () => Promise<unknown>): Promise<number> {
  const before = await metric(series)
  await work()
  return (await metric(series)) - before
}

const timed = (operation: string, kind: string, outcome: string) =>
  `waybill_gateway_operation_seconds_count{operation="${operation}",kind="${kind}",outcome="${outcome}"}`
const fetched = (subgraph: string, outcome: string) =>
  `waybill_gateway_subgraph_request_seconds_count{subgraph="${subgraph}",outcome="${outcome}"}`

test.each([
  ['query Named { items { id } }', timed('Named', 'query', 'ok')],
  ['{ items { id } }', timed('anonymous', 'query', 'ok')],
  ['{ nothing }', timed('invalid', 'none', 'refused')],
])('%s is timed by name, kind and outcome', async (query, series) => {
  expect(await growth(series, () => fixture.ask(query))).toBe(1)
})

test('an operation is planned once and counted as a cache hit from then on', async () => {
  const ask = () => fixture.ask('query Planned { items { id } }')
  expect(await growth('waybill_gateway_plans_total{result="made"}', ask)).toBe(1)
  expect(await growth('waybill_gateway_plans_total{result="made"}', ask)).toBe(0)
  expect(await growth('waybill_gateway_plans_total{result="known"}', ask)).toBe(1)
  expect(await metric('waybill_gateway_plan_seconds_count')).toBeGreaterThan(0)
})

test('requests to subgraphs are measured by duration and size, with a separate outcome for failures', async () => {
  const ask = () => fixture.ask('query Both { items { id price } }')
  expect(await growth(fetched('prices', 'ok'), ask)).toBe(1)
  const received = 'waybill_gateway_subgraph_received_characters_total{subgraph="prices"}'
  expect(await growth(received, ask)).toBeGreaterThan(100)
  fixture.prices.setBehavior(({ response }) => {
    response.statusCode = 500
    response.end('<html>')
  })
  expect(await growth(fetched('prices', 'failed'), ask)).toBe(1)
  expect(await growth(timed('Both', 'query', 'errors'), ask)).toBe(1)
  fixture.prices.setBehavior(({ response }) =>
    response.end('{ "data": { "_entities": [] }, "errors": [{ "message": "none" }] }'),
  )
  expect(await growth('waybill_gateway_subgraph_errors_total{subgraph="prices"}', ask)).toBe(1)
  fixture.prices.setBehavior(answerPrices)
})

test('metrics count the operations under way and the queries that share a response', async () => {
  const held: (() => void)[] = []
  const both = new Promise<void>(resolve =>
    fixture.items.setBehavior(exchange => {
      held.push(() => answerItems(exchange))
      resolve()
    }),
  )
  const asked = [0, 1, 2].map(() => fixture.ask('query Held { items { id } }'))
  await both
  await expect.poll(() => metric('waybill_gateway_operations_in_flight'), { timeout: 10_000 }).toBe(3)
  expect(await metric('waybill_gateway_subgraph_requests_in_flight{subgraph="items"}')).toBe(1)
  for (const answer of held) answer()
  await Promise.all(asked)
  expect(await metric('waybill_gateway_subgraph_shared_total{subgraph="items"}')).toBe(2)
  expect(await metric('waybill_gateway_operations_in_flight')).toBe(0)
  expect(await metric('waybill_gateway_subgraph_requests_in_flight{subgraph="items"}')).toBe(0)
  fixture.items.setBehavior(answerItems)
})

test('reloads of the supergraph are counted by their outcome', async () => {
  const reloads = (outcome: string) => `waybill_gateway_reloads_total{outcome="${outcome}"}`
  const deploy = (sdl: string) => async () => {
    await fixture.deploy(sdl)
    await fixture.gateway.reload()
  }
  expect(await growth(reloads('served'), deploy(shopSupergraph(2)))).toBe(1)
  expect(await growth(reloads('refused'), deploy('nonsense'))).toBe(1)
  expect(await metric('waybill_gateway_supergraph_served_since_seconds')).toBeGreaterThan(1e9)
})

test('metrics keep a bounded number of the operation names that clients send', async () => {
  for (let name = 0; name < 260; name++) await fixture.ask(`query Name${name} { __typename }`)
  const text = await (await fetch(`${fixture.gateway.url}/metrics`)).text()
  const names = new Set(
    [...text.matchAll(/^waybill_gateway_operation_seconds_count\{operation="(\w+)"/gm)].map(
      ([, name]) => name,
    ),
  )
  expect(names.size).toBeLessThan(210)
  expect(await metric(timed('other', 'query', 'ok'))).toBeGreaterThan(50)
})
