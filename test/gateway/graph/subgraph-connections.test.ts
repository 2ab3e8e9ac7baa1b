import { expect, test } from 'vitest'
import { createSubgraphConnections } from '#gateway/graph/subgraph-connections.ts'
import { DEFAULT_SETTINGS, settingsOf } from '#gateway/settings.ts'
import { connectSubgraph } from '#gateway/transport/connect.ts'

const URL_1 = 'http://127.0.0.1:1/graphql'
const URL_2 = 'http://127.0.0.1:2/graphql'

function recorded() {
  const events: string[] = []
  const connections = createSubgraphConnections((name, url) => {
    const subgraph = connectSubgraph({ name, address: url }, settingsOf(DEFAULT_SETTINGS, name))
    events.push(`open ${url}`)
    const close = async () => {
      events.push(`close ${url}`)
      await subgraph[Symbol.asyncDispose]()
    }
    return { ...subgraph, [Symbol.asyncDispose]: close }
  })
  return { events, connections }
}

test('two supergraphs with the same subgraph share its connections, which close when the last one releases them', async () => {
  const { events, connections } = recorded()
  const before = connections.lease('a', URL_1)
  const after = connections.lease('a', URL_1)
  expect(after.subgraph).toBe(before.subgraph)
  await before[Symbol.asyncDispose]()
  await before[Symbol.asyncDispose]()
  expect(events).toEqual([`open ${URL_1}`])
  await after[Symbol.asyncDispose]()
  expect(events).toEqual([`open ${URL_1}`, `close ${URL_1}`])
})

test('a subgraph that has moved or was closed gets new connections', async () => {
  const { events, connections } = recorded()
  const before = connections.lease('a', URL_1)
  const moved = connections.lease('a', URL_2)
  expect(moved.subgraph).not.toBe(before.subgraph)
  await before[Symbol.asyncDispose]()
  const again = connections.lease('a', URL_1)
  expect(again.subgraph).not.toBe(before.subgraph)
  await Promise.all([moved[Symbol.asyncDispose](), again[Symbol.asyncDispose]()])
  expect(events.filter(event => event.startsWith('close'))).toHaveLength(3)
})
