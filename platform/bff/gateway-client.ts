// The one thing a BFF calls: the gateway, with generated operations, in the caller's name or in the BFF's own.
import { createGraphqlClient, type TypedDocument } from '#platform/graphql/client.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/graphql/consistency.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { type CircuitHealth, createPolicy } from '#platform/resilience/policy.ts'

export type GatewayClient = AsyncDisposable & {
  /** In the caller's name. What the gateway's services reached is noted in `context`, for the caller's next query. */
  run<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<Result>
  /** In the BFF's own name, seeing everything: whoever gets the answer is authorised on its value. */
  runAsService<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    positions: Readonly<Record<string, number>>,
  ): Promise<Result>
  health(): CircuitHealth
}

/** Longer than the longest that a command may wait for its outcome (settleWithinMs, ten seconds). */
const GATEWAY_TIMEOUT_MS = 20_000

export function createGatewayClient(options: {
  readonly url: string
  readonly serviceToken: () => Promise<string>
}): GatewayClient {
  const policy = createPolicy({
    name: 'gateway',
    timeoutMs: GATEWAY_TIMEOUT_MS,
    retries: 2,
    concurrency: 1000,
    queue: 2000,
  })
  const client = createGraphqlClient({ url: options.url, policy, batching: false })
  return {
    async run(document, variables, context) {
      const call = { document, variables, idempotent: isQuery(document), headers: headersFor(context) }
      const { data, consistency } = await client.request(call)
      for (const [service, position] of Object.entries(consistency))
        context.consistency.reached(service, position)
      return data
    },
    async runAsService(document, variables, positions) {
      const headers = {
        authorization: `Bearer ${await options.serviceToken()}`,
        [CONSISTENCY_HEADER]: formatToken(positions),
      }
      const call = { document, variables, idempotent: isQuery(document), headers }
      const { data } = await client.request(call)
      return data
    },
    health: policy.health,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

/** A query may be sent again after a fault; a mutation's caller decides, by its idempotency key. */
function isQuery(document: string): boolean {
  return document.startsWith('query')
}

function headersFor({ token, requestId, consistency }: RequestContext): Record<string, string> {
  const required = formatToken(consistency.required)
  return {
    'x-request-id': requestId,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(required !== '' && { [CONSISTENCY_HEADER]: required }),
  }
}
