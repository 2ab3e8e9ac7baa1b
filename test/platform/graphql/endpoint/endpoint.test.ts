import { describe, expect, it } from 'vitest'
import type { Role } from '#platform/auth/viewer.ts'
import { serveGraph } from '../graph-server.ts'

describe('the viewer', () => {
  it("is anonymous without a token, and otherwise the token's subject", async () => {
    await using graph = await serveGraph()
    const anonymous = await graph.post({ query: '{ me }' })
    expect(await anonymous.json()).toEqual({ data: { me: null } })
    const token = await graph.token('support', 'sue')
    const known = await graph.post({ query: '{ me token }' }, { authorization: `Bearer ${token}` })
    expect(await known.json()).toEqual({ data: { me: 'sue', token } })
  })

  it('is refused with 401 when the token is invalid, for every operation of a batch', async () => {
    await using graph = await serveGraph()
    for (const authorization of [
      'Bearer nonsense',
      'Basic dXNlcg==',
      `Bearer ${await graph.token('ops', 'o', -60)}`,
    ]) {
      const answer = await graph.post({ query: '{ me }' }, { authorization })
      expect(answer.status).toBe(401)
      expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
    }
    const batch = await graph.post([{ query: '{ me }' }, { query: '{ me }' }], {
      authorization: 'Bearer nonsense',
    })
    expect(batch.status).toBe(401)
    expect(await batch.json()).toMatchObject([
      { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
      { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
    ])
  })
})

describe('errors', () => {
  it("name a caller's fault, and give the request id of ours, which is logged with the operation's path", async () => {
    await using graph = await serveGraph()
    const answer = await graph.post({ query: '{ refused broken }' }, { 'x-request-id': 'req-9' })
    expect(answer.headers.get('x-request-id')).toBe('req-9')
    expect(await answer.json()).toMatchObject({
      data: { refused: null, broken: null },
      errors: [
        { message: 'used before', path: ['refused'], extensions: { code: 'CONFLICT', key: 'k' } },
        { path: ['broken'], extensions: { code: 'INTERNAL', requestId: 'req-9' } },
      ],
    })
    const line = await graph.seen('an operation failed')
    expect(JSON.parse(line)).toMatchObject({ request_id: 'req-9', path: ['broken'] })
  })

  it.each([
    ['a document that does not parse', { query: '{ me' }],
    ['a field that is not there', { query: '{ nobody }' }],
    ['a variable of another type', { query: 'query ($x: Int!) { twice(x: $x) }', variables: { x: 'two' } }],
    ['a missing query', { variables: {} }],
    ['an unknown operation name', { query: 'query A { me }', operationName: 'B' }],
  ])('report %s as BAD_USER_INPUT, with 400', async (_case, body) => {
    await using graph = await serveGraph()
    const answer = await graph.post(body)
    expect(answer.status).toBe(400)
    const { errors } = (await answer.json()) as { errors: object[] }
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    expect(JSON.stringify(errors)).not.toContain('stack')
  })
})

describe('a subscription', () => {
  it('is refused over plain HTTP with the ways to send one, and logs no fault', async () => {
    await using graph = await serveGraph()
    for (const accept of ['application/json', 'text/event-stream']) {
      const answer = await graph.post({ query: 'subscription { count(to: 1) }' }, { accept })
      expect(answer.status).toBeGreaterThanOrEqual(400)
      if (accept === 'application/json')
        expect(await answer.json()).toMatchObject({
          errors: [
            { extensions: { code: 'BAD_USER_INPUT' }, message: expect.stringContaining('/graphql/stream') },
          ],
        })
    }
    expect(graph.entries().filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('limits', () => {
  it('apply to tokens, depth, aliases and the size of a batch', async () => {
    await using graph = await serveGraph({ limits: { tokens: 60, depth: 4, aliases: 2, batch: 2 } })
    const messages = await Promise.all(
      [
        `{ ${'me '.repeat(100)} }`,
        '{ order(id: 1) { next { next { next { id } } } } }',
        '{ a: me b: me c: me }',
      ].map(
        async query =>
          ((await (await graph.post({ query })).json()) as { errors: { message: string }[] }).errors[0],
      ),
    )
    expect(messages).toMatchObject([
      { message: expect.stringContaining('tokens'), extensions: { code: 'BAD_USER_INPUT' } },
      { message: expect.stringContaining('5 levels deep'), extensions: { code: 'BAD_USER_INPUT' } },
      { message: expect.stringContaining('3 aliases'), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    const batch = await graph.post(Array.from({ length: 3 }, () => ({ query: '{ me }' })))
    expect(batch.status).toBe(400)
    expect((await graph.post([])).status).toBe(400)
  })

  it('apply to the cost of an operation, and of the operations of a batch together', async () => {
    await using graph = await serveGraph({ maxCost: 3, live: { maxCost: 3 } })
    const many = { query: '{ order(id: 1) { next { next { id } } } }' }
    const answer = await graph.post(many)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', estimated: 4, maximum: 3 } }],
    })
    const few = { query: '{ order(id: 1) { id } }' }
    expect(await (await graph.post([few, few])).json()).toMatchObject([
      { data: { order: { id: '1' } } },
      { errors: [{ extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', estimated: 4 } }] },
    ])
    const streamed = await fetch(`${graph.url}/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(many),
    })
    expect(await streamed.text()).toContain('COST_ESTIMATED_TOO_EXPENSIVE')
  })

  it('are checked before the rules of validation', async () => {
    await using graph = await serveGraph({ limits: { aliases: 2 } })
    const answer = await graph.post({ query: '{ a: nobody b: nobody c: nobody }' })
    expect(await answer.json()).toEqual({
      errors: [
        {
          message: 'The operation has 3 aliases; at most 2 are allowed.',
          locations: [{ line: 1, column: 1 }],
          extensions: { code: 'BAD_USER_INPUT' },
        },
      ],
    })
  })

  it('apply to the values of variables before they are coerced', async () => {
    await using graph = await serveGraph({ limits: { values: 10 } })
    const x = Object.fromEntries(Array.from({ length: 9000 }, (_, key) => [`key${key}`, key]))
    const answer = await graph.post({ query: 'query ($x: Int!) { twice(x: $x) }', variables: { x } })
    expect(await answer.json()).toMatchObject({
      errors: [{ message: expect.stringContaining('at most 10 are allowed') }],
    })
  })

  it('apply to the number and the length of errors, which never repeat the input', async () => {
    await using graph = await serveGraph()
    const long = 'x'.repeat(50_000)
    const bodies = [
      { query: `{ ${Array.from({ length: 100 }, (_, n) => `${long.slice(0, 2000)}${n}`).join(' ')} }` },
      { query: `query ($x: Int!) { twice(x: $x) }`, variables: { x: long } },
      { query: `query ($x: Int!) { twice(x: $x) }`, variables: { x: { [long]: long } } },
      { query: `{ twice(${Array.from({ length: 900 }, () => 'x: 1').join(' ')}) }` },
      { query: `${'\n'.repeat(100_000)}{ twice(${Array.from({ length: 900 }, () => 'x: 1').join(' ')}) }` },
      { query: '{ me }', operationName: long },
    ]
    for (const body of bodies) {
      const answer = await graph.post(body)
      const text = await answer.text()
      expect(answer.status).toBe(400)
      expect(text.length).toBeLessThan(4000)
      expect(JSON.parse(text).errors.length).toBeLessThanOrEqual(6)
    }
  })

  it('omit suggestions of names outside development', async () => {
    await using production = await serveGraph()
    await using development = await serveGraph({ development: true })
    const query = '{ twise(x: 1) }'
    expect(await (await production.post({ query })).text()).not.toContain('twice')
    expect(await (await development.post({ query })).text()).toContain('Did you mean')
  })

  it('allow introspection and the landing page in development only', async () => {
    await using production = await serveGraph()
    const refused = await production.post({ query: '{ __schema { queryType { name } } }' })
    expect(refused.status).toBe(400)
    await using development = await serveGraph({ development: true })
    const answer = await development.post({ query: '{ __schema { queryType { name } } }' })
    expect(await answer.json()).toEqual({ data: { __schema: { queryType: { name: 'Query' } } } })
    const html = { headers: { accept: 'text/html' } }
    expect((await fetch(development.url, html)).headers.get('content-type')).toContain('text/html')
    expect((await fetch(production.url, html)).headers.get('content-type')).not.toContain('text/html')
  })

  it('refuse requests that a page of another site could send unasked', async () => {
    await using graph = await serveGraph()
    const simple = await fetch(`${graph.url}?query={me}`)
    expect(simple.status).toBe(400)
    const response = await fetch(`${graph.url}?query={me}`, { headers: { 'apollo-require-preflight': '1' } })
    expect(await response.json()).toEqual({ data: { me: null } })
  })
})

describe('a batch', () => {
  it('is accepted from services only, unless the settings allow it to everybody', async () => {
    await using graph = await serveGraph({ batchesFrom: 'services' })
    const batch = [{ query: '{ me }' }, { query: '{ me }' }]
    const as = async (role: Role) => {
      const authorization = `Bearer ${await graph.token(role, 'ann')}`
      return graph.post(batch, { authorization })
    }
    expect((await graph.post(batch)).status).toBe(400)
    expect((await as('ops')).status).toBe(400)
    const answer = await as('service')
    expect(await answer.json()).toEqual([{ data: { me: 'ann' } }, { data: { me: 'ann' } }])
  })

  it('has the limits of one request for all its operations together', async () => {
    const limits = { aliases: 3 }
    const batch = Array.from({ length: 3 }, () => ({ query: '{ a: me b: me }' }))
    await using graph = await serveGraph({ limits })
    const answers = (await (await graph.post(batch)).json()) as object[]
    expect(answers).toMatchObject([
      { data: { a: null } },
      { errors: [{ message: expect.stringContaining('4 aliases') }] },
      { errors: [{ message: expect.stringContaining('6 aliases') }] },
    ])
    const authorization = `Bearer ${await graph.token('service', 'bff')}`
    const whole = { data: { a: 'bff', b: 'bff' } }
    expect(await (await graph.post(batch, { authorization })).json()).toEqual([whole, whole, whole])
  })

  it('gets its results in order, each operation by itself', async () => {
    await using graph = await serveGraph()
    const answer = await graph.post([
      { query: '{ twice(x: 1) }' },
      { query: '{ nobody }' },
      { query: '{ twice(x: 3) }' },
    ])
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject([
      { data: { twice: 2 } },
      { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
      { data: { twice: 6 } },
    ])
  })

  it('continues the trace of each of its members', async () => {
    await using graph = await serveGraph()
    const traces = ['1', '2'].map(digit => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`)
    const query = '{ meta { traceparent } }'
    const answer = await graph.post(traces.map(traceparent => ({ query, extensions: { traceparent } })))
    expect(await answer.json()).toEqual(traces.map(traceparent => ({ data: { meta: { traceparent } } })))
  })
})

describe('event metadata', () => {
  it('names the caller, the request and the trace', async () => {
    await using graph = await serveGraph()
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const answer = await graph.post(
      { query: '{ meta { actor correlationId traceparent } }' },
      { authorization: `Bearer ${await graph.token('ops', 'olga')}`, 'x-request-id': 'req-1', traceparent },
    )
    expect(await answer.json()).toEqual({
      data: { meta: { actor: 'ops:olga', correlationId: 'req-1', traceparent } },
    })
  })
})

describe('consistency', () => {
  const behindAfter = (position: number) => {
    const waits: number[] = []
    const waitFor = async (wanted: number) => {
      waits.push(wanted)
      return wanted <= position
    }
    return { waits, consistency: { service: 'orders', waitFor } }
  }

  it('reports the position that a command reached, and the greatest of a batch', async () => {
    await using graph = await serveGraph()
    const one = await graph.post({ query: 'mutation { place(position: 12) }' })
    expect(one.headers.get('waybill-consistency')).toBe('orders=12')
    const place = (position: number) => ({ query: `mutation { place(position: ${position}) }` })
    const batch = await graph.post([place(3), place(9), place(5)])
    expect(batch.headers.get('waybill-consistency')).toBe('orders=9')
    expect((await graph.post({ query: '{ me }' })).headers.has('waybill-consistency')).toBe(false)
  })

  it('makes a query wait once for the position of this service, and a mutation not at all', async () => {
    const { waits, consistency } = behindAfter(100)
    await using graph = await serveGraph({ consistency })
    const authorization = `Bearer ${await graph.token('customer', 'ann')}`
    const headers = { authorization, 'waybill-consistency': 'orders=12,payment=7' }
    const answer = await graph.post({ query: '{ a: twice(x: 1) b: twice(x: 2) me }' }, headers)
    expect(answer.headers.has('waybill-stale')).toBe(false)
    expect(waits).toEqual([12])
    await graph.post({ query: 'mutation { place(position: 1) }' }, headers)
    await graph.post({ query: '{ me }' })
    expect(waits).toEqual([12])
  })

  it('does not wait for an anonymous caller', async () => {
    const { waits, consistency } = behindAfter(10)
    await using graph = await serveGraph({ consistency })
    const answer = await graph.post({ query: '{ twice(x: 1) }' }, { 'waybill-consistency': 'orders=12' })
    expect([waits, await answer.json()]).toEqual([[], { data: { twice: 2 } }])
  })

  it('still responds when the wait times out, and says so', async () => {
    const { consistency } = behindAfter(10)
    await using graph = await serveGraph({ consistency })
    const authorization = `Bearer ${await graph.token('customer', 'ann')}`
    const headers = { authorization, 'waybill-consistency': 'orders=12' }
    const answer = await graph.post({ query: '{ twice(x: 1) }' }, headers)
    expect(answer.headers.get('waybill-stale')).toBe('orders')
    expect(await answer.json()).toEqual({ data: { twice: 2 }, extensions: { stale: ['orders'] } })
  })
})

describe('operation counts', () => {
  it('have a limited number of names', async () => {
    await using graph = await serveGraph()
    const named = Array.from({ length: 250 }, (_, index) => ({ query: `query Op${index} { me }` }))
    for (let start = 0; start < named.length; start += 50) await graph.post(named.slice(start, start + 50))
    const text = await (await fetch(graph.url.replace('/graphql', '/metrics'))).text()
    const names = text.match(/waybill_graphql_operations_total\{[^}]*operation="Op\d+"/g) ?? []
    expect(names).toHaveLength(200)
    expect(text).toMatch(/operation="other",kind="query",outcome="ok"\} 50/)
  })
})
