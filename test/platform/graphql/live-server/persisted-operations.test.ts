import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { LiveOptions } from '#platform/graphql/live-server/live-server.ts'
import { ofType, openAcknowledged, serveLive } from './headline-server.ts'

const TEXT = 'query Twice($x: Int!) { twice(x: $x) }'
const extensions = { persistedQuery: { version: 1, sha256Hash: hash('sha256', TEXT, 'hex') } }

const onlyTwice: NonNullable<LiveOptions['persisted']> = {
  resolve({ extensions: named }) {
    if (JSON.stringify(named) === JSON.stringify(extensions)) return TEXT
    throw new CallerError('FORBIDDEN', 'not in the manifest')
  },
}

test('a socket accepts an operation by its hash, and nothing else where only persisted operations may run', async () => {
  await using graph = await serveLive({ persisted: onlyTwice })
  using raw = await openAcknowledged(graph)
  raw.send({ id: '1', type: 'subscribe', payload: { extensions, variables: { x: 3 } } })
  expect(await raw.seen(ofType('next'))).toMatchObject({ payload: { data: { twice: 6 } } })
  raw.subscribe('2', '{ twice(x: 1) }')
  expect(await raw.seen(ofType('error'))).toMatchObject({
    payload: [{ message: 'not in the manifest', extensions: { code: 'FORBIDDEN' } }],
  })
})

test('an event stream accepts an operation by its hash, by POST and GET', async () => {
  await using graph = await serveLive({ persisted: onlyTwice })
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  const body = JSON.stringify({ extensions, variables: { x: 3 } })
  const posted = await fetch(graph.streamUrl, { method: 'POST', headers, body })
  expect(await posted.text()).toContain('{"data":{"twice":6}}')
  const parameters = new URLSearchParams({ extensions: JSON.stringify(extensions), variables: '{"x":4}' })
  expect(await (await fetch(`${graph.streamUrl}?${parameters}`, { headers })).text()).toContain('"twice":8')
  const other = new URLSearchParams({ query: '{ twice(x: 1) }' })
  expect(await (await fetch(`${graph.streamUrl}?${other}`, { headers })).text()).toContain('FORBIDDEN')
})
