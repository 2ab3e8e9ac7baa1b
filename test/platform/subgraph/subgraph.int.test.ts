import { describe, expect, it } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createServiceToken } from '#platform/auth/service-token.ts'
import type { JsonObject } from '#platform/domain/json.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { View } from '#platform/read-models/projection.ts'
import { type SubgraphConfig, type SubgraphPorts, startSubgraph } from '#platform/subgraph/subgraph.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { temporaryFolder } from '../auth/temporary-folder.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

type Count = { readonly count: number }

const payments: View<Count> = {
  collection: { name: 'payments', version: 1, indexes: [] },
  categories: ['payment'],
  project: event => [{ id: event.stream, update: doc => ({ count: (doc?.count ?? 0) + 1 }) }],
}

/** Payment's schema, with just enough behind it to write an event and to read its view. */
async function build({ store, projections }: SubgraphPorts) {
  const documents = projections.collection(payments)
  return {
    resolvers: {
      Query: {
        paymentTotals: async () => {
          const found = await documents.get('payment-1')
          return found ? [{ currency: 'EUR', requested: `${found.count}.00` }] : []
        },
      },
      Mutation: {
        voidPayment: async (_: unknown, __: unknown, { consistency }: RequestContext) => {
          const expected = (await store.readStream('payment-1')).length
          const event = { type: 'PaymentVoided', data: {} satisfies JsonObject }
          const result = await store.append({
            writes: [{ stream: 'payment-1', expected, events: [event] }],
          })
          if (result.status === 'appended') consistency.reached('payment', result.position)
          return { __typename: 'PaymentRefused', code: 'X', message: 'x' }
        },
      },
    },
  }
}

async function setUp(overrides: Partial<SubgraphConfig> = {}) {
  const folder = await temporaryFolder()
  const issuer = await openEmbeddedIssuer(folder.path)
  const url = await freshDatabase()
  const recording = recordingLogger()
  const config: SubgraphConfig = {
    name: 'payment',
    host: '127.0.0.1',
    port: 0,
    databaseUrl: url,
    readModelsUrl: url,
    eventBusUrl: url,
    auth: issuer,
    serviceToken: createServiceToken({ directory: folder.path }),
    development: false,
    logger: recording.logger,
    now: () => new Date(),
    ...overrides,
  }
  return { config, ...recording, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const VOID = 'mutation { voidPayment(input: { idempotencyKey: "k", orderId: "o" }) { __typename } }'
const TOTALS = '{ paymentTotals { currency requested } }'
const post = (url: string, query: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })

describe('a subgraph', () => {
  it('shows a client what it just did, by the position that came with the answer', async () => {
    await using setup = await setUp()
    await using service = await startSubgraph(setup.config, { views: [payments], build })
    for (let count = 1; count <= 3; count++) {
      const written = await post(service.url, VOID)
      const token = written.headers.get('waybill-consistency') ?? ''
      expect(token).toBe(`payment=${count}`)
      const read = await post(service.url, TOTALS, {
        'waybill-consistency': token,
        authorization: `Bearer ${await setup.config.serviceToken()}`,
      })
      expect(await read.json()).toEqual({
        data: { paymentTotals: [{ currency: 'EUR', requested: `${count}.00` }] },
      })
    }
  })

  it('does not wait for a position that it never reached, whoever asks, and says so', async () => {
    await using setup = await setUp()
    const asked: number[] = []
    const watched = (ports: SubgraphPorts) => {
      const { projections } = ports
      const reached: typeof projections.reached = (position, timeoutMs) => {
        asked.push(position)
        return projections.reached(position, timeoutMs)
      }
      Object.assign(projections, { reached })
      return build(ports)
    }
    await using service = await startSubgraph(setup.config, { views: [payments], build: watched })
    await post(service.url, VOID)
    const authorization = `Bearer ${await setup.config.serviceToken()}`
    const stale = async (position: number, headers = {}) => {
      const token = { 'waybill-consistency': `payment=${position}` }
      return (await post(service.url, TOTALS, { ...token, ...headers })).headers.get('waybill-stale')
    }
    expect(await stale(1, { authorization })).toBeNull()
    asked.length = 0
    const forged = Array.from({ length: 100 }, (_, index) => stale(2 + index, { authorization }))
    expect(new Set(await Promise.all(forged))).toEqual(new Set(['payment']))
    expect(await stale(2)).toBeNull() // nobody's positions are not looked at
    expect(asked).toEqual([])
  })

  it('publishes its events for other services', async () => {
    await using setup = await setUp()
    const ports = Promise.withResolvers<SubgraphPorts>()
    await using service = await startSubgraph(setup.config, {
      views: [payments],
      build: opened => {
        ports.resolve(opened)
        return build(opened)
      },
    })
    const delivered = Promise.withResolvers<string>()
    const { bus } = await ports.promise
    await using _tail = await bus.tail(['payment'], async ([message]) =>
      delivered.resolve(message?.type ?? ''),
    )
    await post(service.url, VOID)
    expect(await delivered.promise).toBe('PaymentVoided')
  })

  it('answers the federation query for its SDL, and is ready with the state of what it stands on', async () => {
    await using setup = await setUp()
    await using service = await startSubgraph(setup.config, { views: [payments], build })
    const { data } = (await (await post(service.url, '{ _service { sdl } }')).json()) as {
      data: { _service: { sdl: string } }
    }
    expect(data._service.sdl).toMatch(/type Payment\s+@key/)
    const ready = await fetch(`${service.url}/health/ready`)
    expect(ready.status).toBe(200)
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      dependencies: {
        'event-store': { ok: true },
        'event-bus': { ok: true },
        'consumer-views': { ok: true },
        'consumer-publisher': { ok: true },
      },
    })
  })

  it('closes what it opened, in reverse, what it built before its ports', async () => {
    await using setup = await setUp()
    const closed: string[] = []
    const service = await startSubgraph(setup.config, {
      views: [payments],
      build: async ports => {
        ports.open.defer(async () => void closed.push(`at position ${await ports.store.head()}`))
        ports.http.onShutdown(async () => void closed.push('http'))
        return build(ports)
      },
    })
    await service[Symbol.asyncDispose]()
    expect(closed).toEqual(['http', 'at position 0'])
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow()
  })

  it('closes everything when it cannot listen, and says which port is taken', async () => {
    await using setup = await setUp()
    await using first = await startSubgraph(setup.config, { views: [payments], build })
    let closed = false
    const second = startSubgraph(
      { ...setup.config, port: first.port },
      {
        views: [payments],
        build: async ports => {
          ports.open.defer(() => {
            closed = true
          })
          return build(ports)
        },
      },
    )
    await expect(second).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    expect(closed).toBe(true)
  })

  it('refuses resolvers for fields that its SDL does not have', async () => {
    await using setup = await setUp()
    const starting = startSubgraph(setup.config, {
      views: [payments],
      build: async () => ({ resolvers: { Query: { pament: () => null } } }),
    })
    await expect(starting).rejects.toThrow('Query.pament')
  })
})
