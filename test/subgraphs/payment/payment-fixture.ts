// Starts a payment service for tests, with databases of its own, tokens of all roles, webhooks, and a readable log.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createServiceToken } from '#platform/auth/service-token.ts'
import type { Role } from '#platform/auth/viewer.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { signWebhook } from '#platform/webhooks/signature.ts'
import { type PaymentConfig, startPayment } from '#subgraphs/payment/service.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'

export type Caller = { readonly role: Role; readonly subject: string } | 'nobody'
export const support: Caller = { role: 'support', subject: 'sam' }
export const orders: Caller = { role: 'service', subject: 'orders' }
export const nobody: Caller = 'nobody'

type GraphqlResponse = {
  // Tests look into answers of every shape: what is not there is undefined, and fails the comparison.
  readonly data: Record<string, Record<string, unknown> | null> | null
  readonly codes: readonly unknown[]
  readonly messages: readonly string[]
  readonly consistency: string | null
}

type Signing = { readonly secret?: string; readonly at?: Date }

export type Running = AsyncDisposable & {
  readonly url: string
  /** The service's own store, to see what was written. */
  readonly store: EventStore
  readonly log: string[]
  request(
    caller: Caller,
    query: string,
    variables?: object,
    consistency?: string | null,
  ): Promise<GraphqlResponse>
  askWith(token: string, query: string, variables?: object): Promise<GraphqlResponse>
  /** Sends a notice as the provider would; answers the status. */
  notify(notice: object, signing?: Signing): Promise<number>
}

type Databases = { readonly databaseUrl: string; readonly eventBusUrl: string }
const WEBHOOK_SECRET = 'a secret of the tests'

export async function freshDatabases(): Promise<Databases> {
  return { databaseUrl: await freshDatabase(), eventBusUrl: await freshDatabase() }
}

export async function runPayment(
  settings: Partial<Pick<PaymentConfig, 'providerUrl' | 'sandboxApprovalMs'>> = {},
  databases?: Databases,
): Promise<Running> {
  const open = new AsyncDisposableStack()
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-payment-'))
  open.defer(() => rm(directory, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(directory)
  const { databaseUrl, eventBusUrl } = databases ?? (await freshDatabases())
  const log: string[] = []
  const destination = { write: (line: string) => void log.push(line) }
  const running = open.use(
    await startPayment({
      name: 'payment',
      host: '127.0.0.1',
      port: 0,
      databaseUrl,
      readModelsUrl: databaseUrl,
      eventBusUrl,
      auth: { jwks: issuer.jwks, issuer: issuer.issuer, audience: issuer.audience },
      serviceToken: createServiceToken({ directory }),
      development: true,
      logger: createLogger({ service: 'payment', level: 'debug', destination }),
      now: () => new Date(),
      webhookSecret: WEBHOOK_SECRET,
      sandboxApprovalMs: 20,
      ...settings,
    }),
  )
  const store = open.use(await openPostgresEventStore({ url: databaseUrl }))
  const post = (token: string | undefined, query: string, variables: object, consistency: string | null) =>
    send(running.url, token, { query, variables }, consistency)
  return {
    url: running.url,
    store,
    log,
    async request(caller, query, variables = {}, consistency = null) {
      const token = caller === 'nobody' ? undefined : await issuer.sign(caller)
      return post(token, query, variables, consistency)
    },
    askWith: (token, query, variables = {}) => post(token, query, variables, null),
    notify: (notice, signing = {}) => notify(running.url, notice, signing),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

async function send(
  url: string,
  token: string | undefined,
  body: object,
  consistency: string | null,
): Promise<GraphqlResponse> {
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(consistency !== null && { 'waybill-consistency': consistency }),
  }
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) })
  const { data = null, errors = [] } = (await response.json()) as {
    data?: GraphqlResponse['data']
    errors?: { message: string; extensions: { code: unknown } }[]
  }
  return {
    data,
    codes: errors.map(error => error.extensions.code),
    messages: errors.map(error => error.message),
    consistency: response.headers.get('waybill-consistency'),
  }
}

async function notify(url: string, notice: object, { secret = WEBHOOK_SECRET, at = new Date() }: Signing) {
  const body = JSON.stringify(notice)
  const headers = {
    'content-type': 'application/json',
    'waybill-signature': signWebhook(secret, body, at),
  }
  return (await fetch(`${url}/webhooks/payment`, { method: 'POST', headers, body })).status
}
