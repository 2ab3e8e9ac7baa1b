import { hash } from 'node:crypto'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { describe, expect, it } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { createPersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import { createOverloadGuard, type WorkKind } from '#platform/resilience/overload-guard.ts'
import { serveSchema } from '../served-schema.ts'

const typeDefs = 'type Query { page: Int fresh: Int busy: Int } type Mutation { place: Int }'
const PLACE = { query: '# Places it.\nmutation Place { place }' }
const BOUNDS = { floor: 1, initial: 1, ceiling: 1 }

/** Serves a graph whose guard has no room left for what `occupy` was called for. */
async function serveGuarded() {
  const clock = { now: 0 }
  const guard = createOverloadGuard('shop', { bounds: BOUNDS, now: () => clock.now })
  const state = { reads: 0 }
  const persisted = createPersistedOperations({ only: false })
  const page = (_: unknown, __: unknown, { sources }: RequestContext) => {
    sources.leases.push({ at: {}, current: true, freshUntil: performance.now() + 60_000 })
    return ++state.reads
  }
  const fresh = (_: unknown, __: unknown, { sources }: RequestContext) => {
    sources.uncacheable = true
    return ++state.reads
  }
  const busy = () => {
    throw new CallerError('UNAVAILABLE', 'busy', { reason: 'OVERLOADED', retryAfterSeconds: 3 })
  }
  const schema = makeExecutableSchema<RequestContext>({
    typeDefs,
    resolvers: { Query: { page, fresh, busy }, Mutation: { place: () => 1 } },
  })
  const served = await serveSchema('shop', schema, {
    guard,
    persisted,
    responseCache: { required: (_viewer, header) => header, serves: () => true },
    live: { guard, persisted },
  })
  return {
    ...served,
    state,
    /** Has one operation of `kind` run and a burst of them wait that has lasted too long, until disposed. */
    occupy(kind: WorkKind): Disposable {
      const { promise, resolve } = Promise.withResolvers<void>()
      for (let begun = 0; begun < 4; begun++)
        guard.run(kind, { run: () => promise, isServed: () => true }).catch(() => {}) // those after the first wait too long
      clock.now += 600
      return { [Symbol.dispose]: resolve }
    },
  }
}

describe('an endpoint with too much to do', () => {
  it('refuses a mutation with 503, Retry-After and a GraphQL error, without executing it or logging each', async () => {
    await using shop = await serveGuarded()
    using _busy = shop.occupy('mutation')
    const response = await shop.post(PLACE)
    expect(response.status).toBe(503)
    const retryAfter = response.headers.get('retry-after')
    expect(['1', '2', '3', '4']).toContain(retryAfter)
    expect(await response.json()).toEqual({
      errors: [
        {
          message: `shop has too much to do at the moment: send it again in ${retryAfter} s, a command with the same key`,
          extensions: { code: 'UNAVAILABLE', reason: 'OVERLOADED', retryAfterSeconds: Number(retryAfter) },
        },
      ],
    })
    expect(shop.lines.filter(line => line.includes('request failed'))).toEqual([])
  })

  it('recognises a mutation by the hash that was registered for it', async () => {
    await using shop = await serveGuarded()
    const sha256Hash = hash('sha256', PLACE.query, 'hex')
    const extensions = { persistedQuery: { version: 1, sha256Hash } }
    expect((await shop.post({ ...PLACE, extensions })).status).toBe(200)
    using _busy = shop.occupy('mutation')
    expect((await shop.post({ extensions })).status).toBe(503)
  })

  it('goes on with queries while it refuses mutations', async () => {
    await using shop = await serveGuarded()
    using _busy = shop.occupy('mutation')
    expect(await (await shop.post({ query: '{ fresh }' })).json()).toEqual({ data: { fresh: 1 } })
  })

  it('serves cached responses while it refuses all else', async () => {
    await using shop = await serveGuarded()
    await shop.post({ query: '{ page }' })
    using _queries = shop.occupy('query')
    using _mutations = shop.occupy('mutation')
    expect(await (await shop.post({ query: '{ page }' })).json()).toEqual({ data: { page: 1 } })
    expect((await shop.post({ query: '{ fresh }' })).status).toBe(503)
    expect(shop.state.reads).toBe(1)
  })

  it('passes on when to try again, where a service behind it has too much to do', async () => {
    await using shop = await serveGuarded()
    const response = await shop.post({ query: '{ busy }' })
    expect(response.headers.get('retry-after')).toBe('3')
  })
})
