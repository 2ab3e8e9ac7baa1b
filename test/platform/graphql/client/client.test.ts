import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { describe, expect, it, test } from 'vitest'
import { createGraphqlClient, failureOf, type GraphqlClientOptions } from '#platform/graphql/client/client.ts'
import type { HttpServer } from '#platform/http/server.ts'
import { createPolicy, type PolicyOptions } from '#platform/resilience/policy.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { serveLocal } from '../../http/local-server.ts'
import { serveGraph } from '../graph-server.ts'
import { type ServeOptions, serveSchema } from '../served-schema.ts'

type Received = { readonly headers: IncomingHttpHeaders; readonly body: unknown }

const policy = (options: Partial<PolicyOptions> = {}) =>
  createPolicy({ name: 'orders', timeoutMs: 2000, retries: 2, concurrency: 50, queue: 100, ...options })

function clientOf(url: string, options: Partial<GraphqlClientOptions> = {}) {
  return createGraphqlClient({ url, policy: policy(), ...options })
}

type Answer = (response: ServerResponse, received: Received[]) => void

/** Notes what comes in, and answers with `answer`. */
async function stubOn(serve: typeof serveLocal, answer: Answer) {
  const received: Received[] = []
  const server = await serve(async (request, response) => {
    const chunks = await request.toArray()
    received.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) })
    answer(response, received)
  })
  return { ...server, url: `${server.url}/graphql`, received }
}

const twice = (x: number) => ({
  document: 'query Twice($x: Int!) { twice(x: $x) }',
  variables: { x },
  idempotent: true,
})

const unavailable = { name: 'CallerError', code: 'UNAVAILABLE' }

/** The server is known in its own process by its address, not by its name. */
const overHttp = (url: string) => url.replace('127.0.0.1', 'localhost')

const WAYS = [
  { way: 'over HTTP', urlOf: overHttp, serveStub: serveHttp },
  { way: 'within the process', urlOf: (url: string) => url, serveStub: serveLocal },
]

describe.each(WAYS)('$way', ({ urlOf, serveStub }) => {
  const serve = async (options?: ServeOptions) => {
    const graph = await serveGraph(options)
    return { ...graph, url: urlOf(graph.url) }
  }
  const stub = (answer: Answer) => stubOn(serveStub, answer)

  describe('a client', () => {
    it('returns data, and the positions that the service reports', async () => {
      await using graph = await serve()
      await using client = clientOf(graph.url)
      const answer = await client.request<{ place: number }>({
        document: 'mutation { place(position: 12) }',
        variables: {},
        idempotent: true,
      })
      expect(answer).toEqual({ data: { place: 12 }, consistency: { orders: 12 }, stale: [], errors: [] })
    })

    it('sends its service token, unless the call has a token of its own', async () => {
      await using graph = await serve()
      const own = await graph.token('service', 'saga')
      const theirs = await graph.token('customer', 'cus_1')
      await using client = clientOf(graph.url, { token: async () => own })
      const me = (headers?: Record<string, string>) =>
        client.request({ document: '{ me }', variables: {}, idempotent: true, ...(headers && { headers }) })
      const answers = await Promise.all([me(), me({ authorization: `Bearer ${theirs}` })])
      expect(answers.map(answer => answer.data)).toEqual([{ me: 'saga' }, { me: 'cus_1' }])
    })

    it('leaves variables that are undefined to their defaults, and does not share the others', async () => {
      const seen: unknown[] = []
      const typeDefs = 'input In { list: [Int!]! } type Query { n(x: Int = 7, in: In!): Int }'
      const n = (_: unknown, args: { x?: number; in: { list: number[] } }) => {
        seen.push(structuredClone(args))
        args.in.list.push(9)
        return args.x
      }
      const schema = makeExecutableSchema({ typeDefs, resolvers: { Query: { n } } })
      await using graph = await serveSchema('orders', schema)
      await using client = clientOf(urlOf(graph.url))
      const variables = { x: undefined, in: { list: [1] } }
      const document = 'query($x: Int, $in: In!) { n(x: $x, in: $in) }'
      const answer = await client.request({ document, variables, idempotent: true })
      expect(answer.data).toEqual({ n: 7 })
      expect(seen).toEqual([{ x: 7, in: { list: [1] } }])
      expect(variables).toEqual({ x: undefined, in: { list: [1] } })
    })

    it("throws the code, message and details of the service's error", async () => {
      await using graph = await serve()
      await using client = clientOf(graph.url)
      await expect(
        client.request({ document: '{ refused }', variables: {}, idempotent: true }),
      ).rejects.toMatchObject({
        name: 'CallerError',
        code: 'CONFLICT',
        message: 'used before',
        details: { key: 'k' },
      })
      await expect(
        client.request({ document: '{ broken }', variables: {}, idempotent: true }),
      ).rejects.toMatchObject({
        name: 'OperatorError',
        code: 'DEPENDENCY_FAILED',
      })
    })

    it('does not reveal which service failed', () => {
      const error = { message: 'no', extensions: { code: 'CONFLICT', key: 'k', serviceName: 'payment' } }
      expect(failureOf(error, 'gateway')).toMatchObject({ code: 'CONFLICT', details: { key: 'k' } })
      expect(failureOf(error, 'gateway')).not.toHaveProperty('details.serviceName')
    })

    it('returns the available data when partial data is requested', async () => {
      await using graph = await serve()
      await using client = clientOf(graph.url)
      const call = { document: '{ twice(x: 2) refused }', variables: {}, idempotent: true }
      await expect(client.request(call)).rejects.toMatchObject({ code: 'CONFLICT' })
      expect(await client.request({ ...call, partial: true })).toMatchObject({
        data: { twice: 4, refused: null },
        errors: [{ message: 'used before', path: ['refused'] }],
      })
    })
  })

  describe('batching', () => {
    const echo = (response: ServerResponse, received: Received[]) => {
      const body = received.at(-1)?.body
      const answer = (member: unknown) => ({ data: { seen: member } })
      response.end(JSON.stringify(Array.isArray(body) ? body.map(answer) : answer(body)))
    }

    it('sends the calls of one turn together, and gives each its own result', async () => {
      let posts = 0
      const mount = ({ app }: HttpServer) => void app.addHook('onRequest', async () => void posts++)
      await using graph = await serve({ mount })
      await using client = clientOf(graph.url)
      const broken = client
        .request({ document: '{ nobody }', variables: {}, idempotent: true })
        .catch(error => error.code)
      const answers = await Promise.all([client.request(twice(1)), broken, client.request(twice(3))])
      expect(answers).toMatchObject([{ data: { twice: 2 } }, 'BAD_USER_INPUT', { data: { twice: 6 } }])
      expect(posts).toBe(1)
    })

    it('separates calls with different headers, idempotent and other calls, and unbatched calls', async () => {
      await using server = await stub(echo)
      await using client = clientOf(server.url)
      await Promise.all([
        client.request(twice(1)),
        client.request(twice(2)),
        client.request({ ...twice(3), headers: { authorization: 'Bearer other' } }),
        client.request({ ...twice(4), idempotent: false }),
        client.request({ ...twice(5), batch: false }),
      ])
      const variables = (body: unknown) =>
        Array.isArray(body)
          ? body.map(member => member.variables.x)
          : (body as { variables: { x: number } }).variables.x
      expect(server.received.map(({ body }) => variables(body)).sort()).toEqual([3, 4, 5, [1, 2]].sort())
    })

    it('splits batches of more than fifty calls', async () => {
      await using server = await stub(echo)
      await using client = clientOf(server.url)
      await Promise.all(Array.from({ length: 120 }, (_, x) => client.request(twice(x))))
      const sizes = server.received.map(({ body }) => (Array.isArray(body) ? body.length : 1))
      expect(sizes.sort((a, b) => b - a)).toEqual([50, 50, 20])
    })

    it("sends each member's own trace, in the header when they share it, otherwise beside the operation", async () => {
      await using server = await stub(echo)
      await using client = clientOf(server.url)
      const trace = (digit: string) => ({ traceparent: `00-${digit.repeat(32)}-${digit.repeat(16)}-01` })
      await client.request({ ...twice(1), headers: trace('1') })
      await Promise.all(['2', '3'].map(digit => client.request({ ...twice(1), headers: trace(digit) })))
      expect(server.received[0]?.headers.traceparent).toBe(trace('1').traceparent)
      expect(server.received[1]?.body).toMatchObject([{ extensions: trace('2') }, { extensions: trace('3') }])
      expect(server.received).toHaveLength(2)
    })

    it('rejects every member with the response that refused the batch', async () => {
      await using graph = await serve()
      await using client = clientOf(graph.url, { token: async () => 'nonsense' })
      const codes = await Promise.all(
        [1, 2].map(x =>
          client.request(twice(x)).then(
            () => 'answered',
            error => error.code,
          ),
        ),
      )
      expect(codes).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED'])
    })
  })

  describe('faults', () => {
    const serverError = (response: ServerResponse) =>
      void response.writeHead(502).end('<html>bad gateway</html>')

    it('of the network are UNAVAILABLE, for every member of a batch', async () => {
      await using server = await stub(response => void response.destroy())
      await using client = clientOf(server.url)
      const results = await Promise.allSettled([1, 2].map(x => client.request(twice(x))))
      expect(results).toMatchObject([
        { status: 'rejected', reason: unavailable },
        { status: 'rejected', reason: unavailable },
      ])
    })

    it('are retried only where the call is idempotent', async () => {
      await using server = await stub(serverError)
      await using client = clientOf(server.url)
      await expect(client.request({ ...twice(1), idempotent: false })).rejects.toMatchObject(unavailable)
      expect(server.received).toHaveLength(1)
      await expect(client.request(twice(1))).rejects.toMatchObject(unavailable)
      expect(server.received).toHaveLength(4)
    })

    it('do not show when a later attempt succeeds', async () => {
      await using server = await stub((response, received) =>
        received.length < 3 ? serverError(response) : void response.end('{"data":{"twice":2}}'),
      )
      await using client = clientOf(server.url)
      expect(await client.request(twice(1))).toMatchObject({ data: { twice: 2 } })
    })

    it('of a service that does not respond in time are UNAVAILABLE', async () => {
      await using server = await stub(() => {})
      await using client = clientOf(server.url, { policy: policy({ timeoutMs: 50, retries: 0 }) })
      await expect(client.request(twice(1))).rejects.toMatchObject({
        ...unavailable,
        details: { reason: 'TIMED_OUT' },
      })
    })

    it('say that a service responded with something else than GraphQL', async () => {
      await using server = await stub(response => void response.writeHead(404).end('nothing here'))
      await using client = clientOf(server.url)
      await expect(client.request(twice(1))).rejects.toMatchObject({
        code: 'DEPENDENCY_FAILED',
        message: expect.stringContaining('HTTP 404'),
      })
    })
  })
})

test('a response above the accepted size is a fault of the network', async () => {
  await using server = await stubOn(
    serveHttp,
    response => void response.end(`{"data":"${'x'.repeat(5000)}"}`),
  )
  await using client = clientOf(server.url, { maxResponseBytes: 1000, policy: policy({ retries: 0 }) })
  await expect(client.request(twice(1))).rejects.toMatchObject(unavailable)
})
