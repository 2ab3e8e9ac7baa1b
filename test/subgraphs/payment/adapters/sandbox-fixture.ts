// Opens a sandbox provider on a database of its own, for tests.
import { createLogger } from '#platform/telemetry/logger.ts'
import {
  openSandboxProvider,
  type SandboxProvider,
  type SandboxProviderOptions,
} from '#subgraphs/payment/adapters/payment-provider.sandbox.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

export const SECRET = 'whsec_of_the_tests'
const silent = createLogger({ service: 'payment', level: 'silent' })

export async function openSandbox(options: Partial<SandboxProviderOptions> = {}): Promise<SandboxProvider> {
  return openSandboxProvider({
    databaseUrl: options.databaseUrl ?? (await freshDatabase()),
    webhookSecret: SECRET,
    approvalMs: 10,
    now: () => new Date(),
    logger: silent,
    ...options,
  })
}

type Delivery = { readonly headers: Record<string, unknown>; readonly body: string }

/** A shop's webhook: `answer` gives the status to each delivery; `deliveries` waits until there are that many. */
export async function openShop(answer: (delivery: Delivery, nth: number) => number | Promise<number>) {
  const received: Delivery[] = []
  let arrived = Promise.withResolvers<void>()
  const server = await serveHttp(async (request, response) => {
    const chunks = await request.toArray()
    const delivery = { headers: { ...request.headers }, body: Buffer.concat(chunks).toString() }
    received.push(delivery)
    response.writeHead(await answer(delivery, received.length)).end()
    arrived.resolve()
    arrived = Promise.withResolvers()
  })
  return {
    ...server,
    url: `${server.url}/webhooks/payment`,
    received,
    async deliveries(count: number): Promise<readonly Delivery[]> {
      while (received.length < count) await arrived.promise
      return received
    },
  }
}
