// Runs one of the two servers of the live benchmark: live orders as in a BFF, or a bare broadcast with `ws`.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { WebSocketServer } from 'ws'
import { handleRequests, machineClockMs } from '#bench/harness/worker-process.ts'
import { createBusFollower } from '#bff/bus/bus-follower.ts'
import { type OrderFeed, openOrderFeed } from '#bff/order-feed/order-feed.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import { mountLiveGraphql } from '#platform/graphql/live-server/live-server.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { createLogger } from '#platform/telemetry/logger.ts'

type Order = { readonly id: string; readonly customer: string; readonly lines: readonly object[] }

type ServerOptions = { readonly busUrl: string; readonly authDirectory: string }

/** Memory of this process after a full garbage collection, in bytes. */
export type Memory = { readonly rss: number; readonly heap: number; readonly buffers: number }

const typeDefs = `
  type Query { ok: Boolean }
  type Subscription { orderChanges(id: ID!, after: String): Change! }
  type Change { kind: String! cursor: String! events: [Event!]! orders: [Order!]! }
  type Event { cursor: String! id: ID! type: String! service: String! orderId: ID! at: String! }
  type Order { id: ID! status: String! placedAt: String! customer: String! lines: [Line!]! }
  type Line { sku: String! title: String! quantity: Int! price: String! currency: String! stock: Int! }
`
const LINES = 8

function orderOf(id: string): Order & Record<string, unknown> {
  return {
    id,
    customer: 'cus_0190a5b2-7c1e-7d3a-9f10-6f2d0c3b4a59',
    status: 'CONFIRMED',
    placedAt: '2026-01-15T09:30:00.000Z',
    lines: Array.from({ length: LINES }, (_, index) => ({
      sku: `TEA-${index}`,
      title: `First flush Darjeeling, whole leaf, number ${index}`,
      quantity: index + 1,
      price: '12.50',
      currency: 'EUR',
      stock: 100 - index,
    })),
  }
}

function schemaOf(feed: OrderFeed<Order>) {
  return makeExecutableSchema({
    typeDefs,
    resolvers: {
      Subscription: {
        orderChanges: {
          subscribe: (_: unknown, { id, after }: { id: string; after?: string }) =>
            feed.watch({
              scope: { order: id },
              after,
              audience: 'staff',
              present: async () => [orderOf(id)],
            }),
          resolve: (change: unknown) => change,
        },
      },
    },
  })
}

const open = new AsyncDisposableStack()
let broadcast: (text: string) => number = () => Number.NaN

async function openWaybill({ busUrl, authDirectory }: ServerOptions): Promise<number> {
  const logger = createLogger({ service: 'live', level: 'warn' })
  const bus = open.use(await openEventBus(busUrl, { logger }))
  const follower = open.use(createBusFollower({ bus, logger }))
  const feed = open.use(
    openOrderFeed<Order>({
      bus,
      follower,
      logger,
      read: async id => orderOf(id),
      ownerOf: ({ customer }) => customer,
      idOf: ({ id }) => id,
    }),
  )
  const http = open.use(createHttpServer({ name: 'live', logger }))
  const verifier = createVerifier(await openEmbeddedIssuer(authDirectory))
  mountLiveGraphql(http, {
    schema: schemaOf(feed),
    verifier,
    development: false,
    connections: 20_000,
  })
  return (await http.listen({ host: '127.0.0.1', port: 0 })).port
}

/** Broadcasts as the documentation of `ws` shows, with constant work moved out of the loop. */
async function openBare(): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, backlog: 4096 })
  broadcast = text => {
    const data = Buffer.from(text)
    const begin = machineClockMs()
    for (const client of server.clients)
      if (client.readyState === client.OPEN) client.send(data, { binary: false })
    return begin
  }
  open.defer(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function memory(): Promise<Memory> {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed, buffers: external }
}

handleRequests({ waybill: openWaybill, bare: openBare, broadcast: (text: string) => broadcast(text), memory })
