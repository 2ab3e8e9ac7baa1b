// Sends a BFF's generated operations to the gateway, in the caller's name or in the BFF's own.
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import type { Discovery } from '#platform/discovery/discovery.ts'
import {
  createGraphqlClient,
  type GraphqlResult,
  type TypedDocument,
} from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import {
  END_CLIENT_HEADER,
  type EndClient,
  FORWARDER_HEADER,
  formatEndClient,
} from '#platform/graphql/end-client.ts'
import { type CircuitState, createPolicy, type PolicyOptions } from '#platform/resilience/policy.ts'

export type GatewayClient = AsyncDisposable & {
  /** Sends an operation in the caller's name, and notes in `context` the positions that the services reached. */
  run<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    context: RequestContext,
  ): Promise<Result>
  /**
   * Sends a query in the BFF's own name, so whoever gets the result must be authorised on it. Fields that failed are in
   * `errors`. Queries of one turn for one client go as one request.
   */
  runAsService<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    options: ServiceQueryOptions,
  ): Promise<GraphqlResult<Result>>
  health(): CircuitState
}

type ServiceQueryOptions = {
  /** The result shows everything that happened up to here. */
  readonly required: PositionVector
  /** The client that is charged for the query. */
  readonly client?: EndClient | undefined
}

/** Longer than a command may wait for its outcome, which is ten seconds (settleWithinMs). */
const GATEWAY_TIMEOUT_MS = 20_000

export function createGatewayClient(options: {
  /** The value of GATEWAY_URL. */
  readonly url: string
  readonly discovery?: Discovery
  readonly adjusted?: PolicyOptions['adjusted']
  readonly serviceToken: () => Promise<string>
}): GatewayClient {
  const policy = createPolicy({
    name: 'gateway',
    timeoutMs: GATEWAY_TIMEOUT_MS,
    retries: 2,
    concurrency: 1000,
    queue: 2000,
    ...(options.adjusted && { adjusted: options.adjusted }),
  })
  const client = createGraphqlClient({
    url: options.url,
    policy,
    ...(options.discovery && { discovery: options.discovery }),
  })
  return {
    async run(document, variables, context) {
      const headers = await headersFor(context, options.serviceToken)
      const call = { document, variables, idempotent: isQuery(document), headers, batch: false }
      const { data, consistency } = await client.request(call)
      for (const [service, position] of Object.entries(consistency))
        context.consistency.reached(service, position)
      return data
    },
    async runAsService(document, variables, { required, client: endClient }) {
      const token = formatToken(required)
      const headers = {
        authorization: `Bearer ${await options.serviceToken()}`,
        ...(endClient && { [END_CLIENT_HEADER]: formatEndClient(endClient) }),
        ...(token !== '' && { [CONSISTENCY_HEADER]: token }),
      }
      return client.request({ document, variables, idempotent: true, partial: true, headers })
    },
    health: policy.health,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

/** A query may be sent again after a fault. A mutation may not: its caller decides, by its idempotency key. */
function isQuery(document: string): boolean {
  return document.startsWith('query')
}

/**
 * Shows the service's token beside the caller's, when there is one: the gateway does not limit again what the BFF has begun.
 * Clients without a token are told apart by their address, which the gateway accepts from a service.
 */
async function headersFor(
  { token, client, requestId, consistency }: RequestContext,
  serviceToken: () => Promise<string>,
): Promise<Record<string, string>> {
  const required = formatToken(consistency.required)
  // The caller's own token is enough: without the service's, the gateway counts the call among those of its own clients.
  const forwarder = token === undefined ? await serviceToken() : await serviceToken().catch(() => undefined)
  return {
    'x-request-id': requestId,
    ...(forwarder !== undefined && { [FORWARDER_HEADER]: forwarder }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(token === undefined && client && { [END_CLIENT_HEADER]: formatEndClient(client) }),
    ...(required !== '' && { [CONSISTENCY_HEADER]: required }),
  }
}
