// One subgraph as the gateway's executor sees it: a POST over pooled keep-alive connections, headers and trace handed on.
import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway'
import { Pool } from 'undici'
import { fetchErrors } from '#gateway/fetch-failure.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { formatToken, parseToken } from '#platform/graphql/consistency.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Policy } from '#platform/resilience/policy.ts'
import { inSpan, traceparent } from '#platform/telemetry/tracing.ts'

type Answer = Awaited<ReturnType<GraphQLDataSource['process']>>

export type SubgraphDataSource = GraphQLDataSource & { readonly close: () => Promise<void> }

export type SubgraphDataSourceOptions = {
  readonly name: string
  readonly url: string
  readonly policy: Policy
  readonly connections?: number
  /** A larger answer is refused, so that one subgraph cannot fill the gateway's memory. */
  readonly maxResponseBytes?: number
}

const DEFAULT_CONNECTIONS = 64
const DEFAULT_MAX_RESPONSE_BYTES = 16 * 1024 * 1024

/**
 * Only queries are tried again; a mutation goes out once and its caller decides, by its idempotency key. `process`
 * never rejects: a fetch that fails is answered with errors, which leaves what other subgraphs know as it is.
 */
export function createSubgraphDataSource(options: SubgraphDataSourceOptions): SubgraphDataSource {
  const { origin, pathname } = new URL(options.url)
  const maxResponseSize = options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES
  const pool = new Pool(origin, { connections: options.connections ?? DEFAULT_CONNECTIONS, maxResponseSize })

  async function post(body: string, headers: Record<string, string>, signal: AbortSignal) {
    const response = await pool.request({ path: pathname, method: 'POST', headers, body, signal })
    const answer: unknown = await response.body.json()
    if (!isAnswer(answer))
      throw new CallerError(
        'UNAVAILABLE',
        `${options.name} answered with something that is not GraphQL (HTTP ${response.statusCode})`,
      )
    return { answer, headers: response.headers }
  }

  async function process(request: GraphQLDataSourceProcessOptions): Promise<Answer> {
    const context = requestContext(request)
    const { query, variables, operationName } = request.request
    const idempotent = !query?.startsWith('mutation')
    const body = JSON.stringify({ query, variables, operationName })
    try {
      const { answer, headers } = await inSpan(
        `subgraph ${options.name}`,
        { kind: 'client', attributes: { 'graphql.operation.name': operationName ?? '' } },
        () => options.policy.run(signal => post(body, forwardedHeaders(context), signal), { idempotent }),
      )
      noteConsistency(context, headers)
      return answer
    } catch (error) {
      return { errors: fetchErrors({ name: options.name, query, variables }, error) }
    }
  }
  return { process, close: () => pool.close() }
}

function requestContext(request: GraphQLDataSourceProcessOptions): RequestContext | undefined {
  return 'incomingRequestContext' in request ? (request.context as RequestContext) : undefined
}

function forwardedHeaders(context: RequestContext | undefined): Record<string, string> {
  const trace = traceparent()
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    ...(context?.token && { authorization: `Bearer ${context.token}` }),
    ...(context && {
      'x-request-id': context.requestId,
      'waybill-consistency': formatToken(context.consistency.required),
    }),
    ...(trace && { traceparent: trace }),
  }
}

/** What a subgraph wrote or could not wait for travels back with the gateway's own answer. */
function noteConsistency(
  context: RequestContext | undefined,
  headers: Record<string, string | string[] | undefined>,
): void {
  const { 'waybill-consistency': reached, 'waybill-stale': stale } = headers
  if (typeof reached === 'string')
    for (const [service, position] of Object.entries(parseToken(reached)))
      context?.consistency.reached(service, position)
  if (typeof stale === 'string') context?.consistency.stale.push(...stale.split(','))
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && ('data' in value || 'errors' in value)
}
