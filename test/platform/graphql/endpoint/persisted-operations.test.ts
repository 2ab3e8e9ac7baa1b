import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createLiveClient } from 'graphql-ws'
import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import {
  createPersistedOperations,
  type PersistedManifest,
  type PersistedOptions,
  readManifest,
} from '#platform/graphql/endpoint/persisted-operations.ts'
import { temporaryFolder } from '../../auth/temporary-folder.ts'
import { serveGraph } from '../graph-server.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const named = (id: string) => ({ persistedQuery: { version: 1, sha256Hash: id } })
const manifestOf = (...bodies: string[]): PersistedManifest => ({
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations: bodies.map((body, index) => ({ id: sha256(body), name: `Op${index}`, type: 'query', body })),
})

const TWICE = 'query Twice($x: Int!) { twice(x: $x) }'
const COUNT = 'subscription Count { count(to: 2) }'

function serve(options: Partial<PersistedOptions> = {}) {
  const persisted = createPersistedOperations({
    manifest: manifestOf(TWICE, COUNT),
    only: false,
    ...options,
  })
  return serveGraph({ persisted, live: { persisted } })
}

type Graph = Awaited<ReturnType<typeof serve>>

async function codeOf(answer: Response): Promise<string | undefined> {
  const { errors } = (await answer.json()) as { errors?: { extensions: { code: string } }[] }
  return errors?.[0]?.extensions.code
}

function get(graph: Graph, parameters: Record<string, unknown>): Promise<Response> {
  const texts = Object.entries(parameters).map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as [string, string],
  )
  return fetch(`${graph.url}?${new URLSearchParams(texts)}`, { headers: { 'apollo-require-preflight': '1' } })
}

describe('a manifest', () => {
  it('lets clients name its operations by id, by POST, by GET and in a batch', async () => {
    await using graph = await serve()
    const request = { extensions: named(sha256(TWICE)), variables: { x: 2 } }
    expect(await (await graph.post(request)).json()).toEqual({ data: { twice: 4 } })
    expect(await (await get(graph, request)).json()).toEqual({ data: { twice: 4 } })
    expect(await (await graph.post([request, request])).json()).toHaveLength(2)
  })

  it('is refused when it is malformed, or when an id does not match its body', async () => {
    await using folder = await temporaryFolder()
    const file = pathToFileURL(path.join(folder.path, 'manifest.json'))
    const good = manifestOf(TWICE)
    const bad = { ...good, operations: good.operations.map(one => ({ ...one, body: '{ me }' })) }
    for (const content of ['not JSON', '{}', JSON.stringify({ ...good, version: 2 }), JSON.stringify(bad)]) {
      await writeFile(file, content)
      await expect(readManifest(file)).rejects.toMatchObject({ code: 'MANIFEST_INVALID' })
    }
    await writeFile(file, JSON.stringify(good))
    expect(await readManifest(file)).toEqual(good)
  })
})

describe('automatic persisted queries', () => {
  const QUERY = '{ twice(x: 21) }'

  it('are registered by a request with text and hash, and run by hash from then on', async () => {
    await using graph = await serve()
    const extensions = named(sha256(QUERY))
    const unknown = await graph.post({ extensions })
    expect([unknown.status, await codeOf(unknown)]).toEqual([200, 'PERSISTED_QUERY_NOT_FOUND'])
    await graph.post({ query: QUERY, extensions })
    for (const answer of [await graph.post({ extensions }), await get(graph, { extensions })])
      expect(await answer.json()).toEqual({ data: { twice: 42 } })
  })

  it('are not registered under a wrong hash, nor when they are invalid', async () => {
    await using graph = await serve()
    const wrong = { query: QUERY, extensions: named(sha256('{ me }')) }
    const unsupported = { extensions: { persistedQuery: { version: 2, sha256Hash: sha256(QUERY) } } }
    for (const request of [wrong, unsupported])
      for (const answer of [await graph.post(request), await get(graph, request)])
        expect([answer.status, await codeOf(answer)]).toEqual([400, 'BAD_USER_INPUT'])
    const invalid = '{ nobody }'
    await graph.post({ query: invalid, extensions: named(sha256(invalid)) })
    expect(await codeOf(await graph.post({ extensions: named(sha256(invalid)) }))).toBe(
      'PERSISTED_QUERY_NOT_FOUND',
    )
  })

  it.each([
    [1],
    ['a'],
    [true],
    [[]],
    [{}],
    [{ version: 2, sha256Hash: 'a' }],
    [{ version: 1, sha256Hash: 1 }],
  ])('are refused when named by %j', persistedQuery => {
    const persisted = createPersistedOperations({ only: false })
    expect(() => persisted.resolve({ query: TWICE, extensions: { persistedQuery } })).toThrow(
      'persistedQuery should be { version: 1, sha256Hash: "…" }',
    )
  })

  it('stay within their memory', () => {
    const persisted = createPersistedOperations({ only: false })
    const texts = Array.from({ length: 100 }, (_, index) => `{ me } # ${index} ${'x'.repeat(100_000)}`)
    for (const query of texts) persisted.resolve({ query, extensions: named(sha256(query)) })
    const left = texts.filter(query => {
      try {
        return persisted.resolve({ extensions: named(sha256(query)) }) === query
      } catch {
        return false
      }
    })
    expect(left.length).toBeGreaterThan(10)
    expect(left.length).toBeLessThan(50)
    expect(left).toContain(texts.at(-1))
  })
})

describe('where only persisted operations may run', () => {
  it('those of the manifest run, by id or by their text', async () => {
    await using graph = await serve({ only: true })
    const variables = { x: 3 }
    const requests = [
      { query: TWICE, variables },
      { extensions: named(sha256(TWICE)), variables },
    ]
    for (const request of requests)
      for (const answer of [await graph.post(request), await get(graph, request)])
        expect(await answer.json()).toEqual({ data: { twice: 6 } })
  })

  it.each([
    ['another text', { query: '{ twice(x: 1) }' }],
    ['a text that is theirs but for a space', { query: `${TWICE} `, variables: { x: 1 } }],
    ['an unknown hash', { extensions: named(sha256('{ me }')) }],
    ['another text with its hash', { query: '{ me }', extensions: named(sha256('{ me }')) }],
    ['another text with the id of theirs', { query: '{ me }', extensions: named(sha256(TWICE)) }],
    ['nothing to run', { variables: {} }],
  ])('%s is refused, and not registered', async (_what, request) => {
    await using graph = await serve({ only: true })
    for (const answer of [await graph.post(request), await get(graph, request)]) {
      expect(answer.status).toBe(403)
      expect(await codeOf(answer)).toBe('OPERATION_NOT_PERSISTED')
    }
    const [member] = (await (await graph.post([request])).json()) as object[]
    expect(member).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_NOT_PERSISTED' } }] })
  })
})

describe('a live connection', () => {
  type LiveClient = {
    subscribe(
      payload: { query: string },
      sink: { next(item: unknown): void; error(error: unknown): void; complete(): void },
    ): unknown
    dispose(): unknown
  }

  /** Returns what the operation yields, and the error that ends it. */
  async function collect(client: LiveClient, payload: { query: string }): Promise<unknown[]> {
    const taken: unknown[] = []
    const ended = Promise.withResolvers<void>()
    const error = (thrown: unknown) => {
      taken.push(thrown)
      ended.resolve()
    }
    client.subscribe(payload, { next: item => taken.push(item), error, complete: ended.resolve })
    await ended.promise
    await client.dispose()
    return taken
  }
  // graphql-ws demands a text, if an empty one.
  const request = (id: string, query = '') => ({ extensions: named(id), query })

  const overSocket = (graph: Graph, payload: { query: string }) =>
    collect(createLiveClient({ url: graph.liveUrl, webSocketImpl: WebSocket, lazy: true }), payload)
  const overStream = (graph: Graph, payload: { query: string }) =>
    collect(createSseClient({ url: graph.streamUrl, retryAttempts: 0 }), payload)

  for (const [way, run] of [
    ['WebSocket', overSocket],
    ['an event stream', overStream],
  ] as const) {
    it(`runs a manifest's operation by its id over ${way}`, async () => {
      await using graph = await serve({ only: true })
      expect(await run(graph, request(sha256(COUNT)))).toEqual([
        { data: { count: 1 } },
        { data: { count: 2 } },
      ])
    })

    it(`refuses anything else over ${way} where only persisted operations may run`, async () => {
      await using graph = await serve({ only: true })
      expect(JSON.stringify(await run(graph, { query: 'subscription { count(to: 1) }' }))).toContain(
        'OPERATION_NOT_PERSISTED',
      )
    })

    it(`supports the protocol of automatic persisted queries over ${way}`, async () => {
      await using graph = await serve()
      const query = 'subscription { count(to: 1) }'
      expect(JSON.stringify(await run(graph, request(sha256(query))))).toContain('PERSISTED_QUERY_NOT_FOUND')
      expect(await run(graph, request(sha256(query), query))).toEqual([{ data: { count: 1 } }])
      expect(await run(graph, request(sha256(query)))).toEqual([{ data: { count: 1 } }])
    })
  }
})
