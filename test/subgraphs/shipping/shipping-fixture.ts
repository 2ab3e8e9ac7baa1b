// Starts a shipping service for tests, with real PostgreSQL, real HTTP, tokens of every role, and its topic to wait on.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import type { Viewer } from '#platform/auth/viewer.ts'
import { newId } from '#platform/domain/ids.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { SIGNATURE_HEADER, signWebhook } from '#platform/webhooks/signature.ts'
import { type ShippingConfig, startShipping } from '#subgraphs/shipping/service.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { aRequest, CUSTOMER_ID } from './domain/shipment-fixture.ts'

export const SERVICE: Viewer = { role: 'service', subject: 'orders' }
export const OPS: Viewer = { role: 'ops', subject: 'olga' }
export const SUPPORT: Viewer = { role: 'support', subject: 'sam' }
export const CUSTOMER: Viewer = { role: 'customer', subject: CUSTOMER_ID }
export const STRANGER: Viewer = { role: 'customer', subject: 'cus_0190a5b2-0000-7000-8000-0000000000ff' }

export const WEBHOOK_SECRET = 'a secret shared with the carrier'

/** `T` is the shape that the test's own query asks for. */
export type GraphqlResponse<T> = {
  readonly data: T
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[]
  readonly consistency: string | null
}

/** `body` is undefined when there is none. */
type Notified = {
  readonly status: number
  readonly body:
    | {
        readonly error: {
          readonly code: string
          readonly message: string
          readonly failed?: readonly string[]
        }
      }
    | undefined
}

export type Running = AsyncDisposable & {
  readonly url: string
  request<T = Record<string, unknown>>(
    viewer: Viewer | undefined,
    query: string,
    variables?: object,
    consistency?: string | null,
  ): Promise<GraphqlResponse<T>>
  /** Posts to the carrier's webhook, rightly signed unless `signature` is given. */
  notify(body: unknown, signature?: string): Promise<Notified>
  /** Resolves with the first published event that fits, also if it was published before. */
  published(fits: (message: BusMessage) => boolean): Promise<BusMessage>
  readonly messages: readonly BusMessage[]
}

export async function runShipping(overrides: Partial<ShippingConfig> = {}): Promise<Running> {
  await using opening = new AsyncDisposableStack()
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-shipping-'))
  opening.defer(() => rm(directory, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(directory)
  const databaseUrl = await freshDatabase()
  const service = opening.use(
    await startShipping({
      ...{ name: 'shipping', host: '127.0.0.1', port: 0, databaseUrl },
      ...{ readModelsUrl: databaseUrl, eventBusUrl: databaseUrl, auth: issuer, development: false },
      serviceToken: () => issuer.sign(SERVICE),
      logger: createLogger({ service: 'shipping', level: 'silent' }),
      now: () => new Date(),
      webhookSecret: WEBHOOK_SECRET,
      sandboxStepMs: 20,
      ...overrides,
    }),
  )
  const topic = await followTopics(databaseUrl, ['shipping'], opening)
  const open = opening.move()
  return {
    url: service.url,
    ...topic,
    async request<T>(viewer: Viewer | undefined, query: string, variables = {}, consistency?: string | null) {
      const headers = {
        ...(viewer && { authorization: `Bearer ${await issuer.sign(viewer)}` }),
        ...(consistency && { 'waybill-consistency': consistency }),
      }
      const response = await postJson(`${service.url}/graphql`, { query, variables }, headers)
      const answer = (await response.json()) as Omit<GraphqlResponse<T>, 'consistency'>
      return { ...answer, consistency: response.headers.get('waybill-consistency') }
    },
    async notify(body, signature) {
      const text = JSON.stringify(body)
      const signed = { [SIGNATURE_HEADER]: signature ?? signWebhook(WEBHOOK_SECRET, text, new Date()) }
      const response = await postJson(`${service.url}/webhooks/carrier`, text, signed)
      const answer = await response.text()
      return { status: response.status, body: answer ? JSON.parse(answer) : undefined }
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Reads topics of the bus from their beginnings on. */
export async function followTopics(
  eventBusUrl: string,
  topics: readonly string[],
  open: AsyncDisposableStack,
) {
  const messages: BusMessage[] = []
  const watchers = new Set<() => void>()
  const bus = open.use(await openEventBus(eventBusUrl, {}))
  const deliver = async (some: readonly BusMessage[]) => {
    messages.push(...some)
    for (const watcher of watchers) watcher()
  }
  open.use(await bus.tail(topics, deliver, Object.fromEntries(topics.map(topic => [topic, 0]))))
  return {
    messages,
    published: (fits: (message: BusMessage) => boolean) =>
      new Promise<BusMessage>(resolve => {
        const watcher = () => {
          const found = messages.find(fits)
          if (!found) return
          watchers.delete(watcher)
          resolve(found)
        }
        watchers.add(watcher)
        watcher()
      }),
  }
}

export const keyed = (input: object) => ({ input: { idempotencyKey: randomUUID(), ...input } })

/** The input of createShipment for an order of its own. */
export function aShipment(overrides: object = {}) {
  const { customerId, warehouse, option, lines, weightGrams, address, instructions } = aRequest
  return {
    ...{ orderId: newId('order'), customerId, warehouse, option, lines, weightGrams, address, instructions },
    ...overrides,
  }
}
