import { hash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { postJson } from '#test/fixtures/http-server.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { startClinicGateway } from '../safety/safety-fixture.ts'

type Gateway = Awaited<ReturnType<typeof startClinicGateway>>

const sha = (text: string) => hash('sha256', text, 'hex')
const named = (text: string) => ({ persistedQuery: { version: 1, sha256Hash: sha(text) } })
const MOTTO = '{ motto }'
const WAVE = 'mutation Wave { wave }'

/** Sends a request with these members and returns the response. */
async function ask(gateway: Gateway, body: object, headers: Readonly<Record<string, string>> = {}) {
  const response = await gateway.post(body, { headers })
  const answer: { data?: unknown; errors?: unknown } = JSON.parse(await response.text())
  return { status: response.status, headers: response.headers, ...answer }
}

const notFound = [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }]

describe('automatic persisted queries', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startClinicGateway({ batchesFrom: 'everybody' })
  })
  afterAll(() => gateway?.[Symbol.asyncDispose]())

  test.each(['application/json', 'application/graphql-response+json'])(
    'run by their hash once the text has been sent with it, for %s',
    async accept => {
      const text = `{ motto } # ${accept}`
      const first = await ask(gateway, { extensions: named(text) }, { accept })
      expect(first).toMatchObject({ status: 200, errors: notFound })
      expect(first.headers.get('cache-control')).toContain('no-cache') // it may be known a moment later
      expect((await ask(gateway, { query: text, extensions: named(text) }, { accept })).data).toBeTruthy()
      expect((await ask(gateway, { extensions: named(text) }, { accept })).data).toEqual({
        motto: 'do no harm',
      })
    },
  )

  test('run by GET', async () => {
    await ask(gateway, { query: MOTTO, extensions: named(MOTTO) })
    const url = new URL(gateway.url)
    url.searchParams.set('extensions', JSON.stringify(named(MOTTO)))
    const answer: unknown = await (await fetch(url)).json()
    expect(answer).toEqual({ data: { motto: 'do no harm' } })
  })

  test('are refused and not stored when the hash is not that of the text', async () => {
    const { status, errors } = await ask(gateway, {
      query: WAVE,
      extensions: named('{ search { __typename } }'),
    })
    expect(status).toBe(400)
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    expect(await ask(gateway, { extensions: named(WAVE) })).toMatchObject({ errors: notFound })
  })

  test('are answered independently in a batch', async () => {
    const response = await gateway.post([{ extensions: named('{ unknown }') }, { query: MOTTO }])
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual([{ errors: notFound }, { data: { motto: 'do no harm' } }])
  })

  test('work with Apollo Client', async () => {
    const sent: boolean[] = []
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new PersistedQueryLink({ sha256: (text: string) => sha(text) }).concat(
        new HttpLink({
          uri: gateway.url,
          fetch: (url, init) => {
            sent.push(String(init?.body).includes('"query"'))
            return fetch(url, init)
          },
        }),
      ),
    })
    const query = gql('query Again { motto }')
    for (let round = 0; round < 2; round++) {
      const { data } = await client.query({ query, fetchPolicy: 'network-only' })
      expect(data).toEqual({ motto: 'do no harm' })
    }
    expect(sent).toEqual([false, true, false])
    client.stop()
  })

  test('can be switched off: a hash is refused, and full texts run', async () => {
    await using without = await startClinicGateway({ persisted: { automatic: false } })
    expect((await ask(without, { query: MOTTO, extensions: named(MOTTO) })).data).toBeTruthy()
    expect(await ask(without, { extensions: named(MOTTO) })).toMatchObject({
      errors: [
        { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
      ],
    })
  })
})

describe('a manifest', () => {
  const operations = [
    { id: sha(MOTTO), name: 'Motto', type: 'query', body: MOTTO },
    { id: sha(WAVE), name: 'Wave', type: 'mutation', body: WAVE },
  ]
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let manifest: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    manifest = path.join(folder.path, 'manifest.json')
    await writeFile(
      manifest,
      JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations }),
    )
  })
  afterAll(() => folder?.[Symbol.asyncDispose]())

  test('makes its operations available from the start and allows others', async () => {
    await using gateway = await startClinicGateway({ persisted: { manifest, automatic: false } })
    expect((await ask(gateway, { extensions: named(WAVE) })).data).toEqual({ wave: 1 })
    expect((await ask(gateway, { query: '{ room { price } }' })).data).toEqual({ room: { price: 40 } })
  })

  test('is the only source of operations in the mode `only`', async () => {
    await using gateway = await startClinicGateway({ persisted: { manifest, mode: 'only' } })
    expect((await ask(gateway, { extensions: named(MOTTO) })).data).toEqual({ motto: 'do no harm' })
    expect((await ask(gateway, { query: MOTTO })).data).toEqual({ motto: 'do no harm' })
    gateway.requests()
    const other = '{ room { price } }'
    for (const body of [
      { query: other },
      { extensions: named(other) },
      { query: other, extensions: named(other) },
      {},
    ]) {
      const { status, errors } = await ask(gateway, body)
      expect({ status, errors }).toEqual({
        status: 403,
        errors: [{ message: expect.any(String), extensions: { code: 'OPERATION_NOT_PERSISTED' } }],
      })
    }
    expect(gateway.requests()).toEqual([])
  })

  test('is the only source of operations over live connections, too', async () => {
    await using gateway = await startClinicGateway({ persisted: { manifest, mode: 'only' } })
    const client = createClient({
      url: gateway.url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    })
    const run = (query: string) =>
      new Promise((resolve, reject) => {
        client.subscribe({ query }, { next: resolve, error: reject, complete: () => {} })
      })
    expect(await run(MOTTO)).toMatchObject({ data: { motto: 'do no harm' } })
    await expect(run('{ room { price } }')).rejects.toMatchObject([
      { extensions: { code: 'OPERATION_NOT_PERSISTED' } },
    ])
    await client.dispose()
    const refused = { query: '{ room { price } }' }
    const streamed = await postJson(`${gateway.url}/stream`, refused, { accept: 'text/event-stream' })
    expect(await streamed.text()).toContain('OPERATION_NOT_PERSISTED')
  })

  test('prevents the start when it is invalid, or required and missing', async () => {
    const wrong = `${manifest}.wrong`
    await writeFile(
      wrong,
      JSON.stringify({
        format: 'apollo-persisted-query-manifest',
        version: 1,
        operations: [{ ...operations[0], id: 'x' }],
      }),
    )
    await expect(startClinicGateway({ persisted: { manifest: wrong } })).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
    })
    await expect(startClinicGateway({ persisted: { mode: 'only' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('persisted.manifest'),
    })
  })
})
