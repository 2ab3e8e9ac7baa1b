// Surrounds each operation with the wait for a required position, the consistency headers, and a count.
import type { ApolloServerPlugin, GraphQLRequestContext, GraphQLRequestListener } from '@apollo/server'
import type { Viewer } from '#platform/auth/viewer.ts'
import { CONSISTENCY_HEADER, formatToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { attributeErrors } from '#platform/graphql/endpoint/apollo-errors.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'

/** Waits for one service's positions: resolves false when its read models are not there in time, or nobody waits. */
export type PositionWaiter = {
  readonly service: string
  waitFor(position: number, timeoutMs: number, viewer: Viewer | undefined): Promise<boolean>
}

const CONSISTENCY_WAIT_MS = 2000

type Operation = GraphQLRequestContext<RequestContext>

/** Uses one listener for all operations: what it needs is in their contexts. */
export function createOperationPlugin(
  service: string,
  consistency: PositionWaiter | undefined,
): ApolloServerPlugin<RequestContext> {
  const count = createOperationCounter(service)
  const listener: GraphQLRequestListener<RequestContext> = {
    ...(consistency && { didResolveOperation: operation => awaitPosition(operation, consistency) }),
    async didEncounterErrors({ errors, contextValue }) {
      attributeErrors(errors, contextValue.requestId)
    },
    async didEncounterSubsequentErrors({ contextValue }, errors) {
      attributeErrors(errors, contextValue.requestId)
    },
    async willSendSubsequentPayload({ contextValue }, part) {
      const reported = part.hasNext ? undefined : consistencyExtensions(contextValue)
      if (reported) part.extensions = { ...part.extensions, ...reported }
    },
    async willSendResponse(operation) {
      reportConsistency(operation)
      reportRetryAfter(operation)
      const name = operation.operationName ?? undefined
      count({ name, kind: operation.operation?.operation, outcome: operation.errors ? 'error' : 'ok' })
      if (isComplete(operation)) operation.contextValue.sources.completed = { name }
    },
  }
  return { requestDidStart: async () => listener }
}

/** Waits before a query's resolvers run; mutations load their state from the store itself. */
async function awaitPosition(
  { operation, contextValue }: Operation,
  { service, waitFor }: PositionWaiter,
): Promise<void> {
  const position = contextValue.consistency.required[service]
  if (position === undefined || operation?.operation !== 'query') return
  if (!(await waitFor(position, CONSISTENCY_WAIT_MS, contextValue.viewer)))
    contextValue.consistency.stale.push(service)
}

/** A service behind this one that asks to be left alone for a while asks the client, too. */
function reportRetryAfter({ response: { http, body } }: Operation): void {
  if (body?.kind !== 'single') return
  for (const { extensions } of body.singleResult.errors ?? [])
    if (typeof extensions?.retryAfterSeconds === 'number')
      http.headers.set('retry-after', String(extensions.retryAfterSeconds))
}

function isComplete({ operation, errors, contextValue, response }: Operation): boolean {
  if (operation?.operation !== 'query' || errors !== undefined) return false
  if (contextValue.consistency.stale.length > 0 || response.body?.kind !== 'single') return false
  const { data, errors: reported } = response.body.singleResult
  return reported === undefined && data !== undefined && data !== null
}

function reportConsistency({ contextValue, response }: Operation): void {
  const { seen, stale } = contextValue.consistency
  const token = formatToken(seen)
  if (token) response.http.headers.set(CONSISTENCY_HEADER, token)
  if (stale.length === 0) return
  response.http.headers.set(STALE_HEADER, stale.join(','))
  if (response.body?.kind !== 'single') return
  const { singleResult } = response.body
  singleResult.extensions = { ...singleResult.extensions, stale }
}

/** The last part says what the headers, which went with the first, could not. */
function consistencyExtensions({ consistency }: RequestContext): Record<string, unknown> | undefined {
  const token = formatToken(consistency.seen)
  const { stale } = consistency
  if (token === '' && stale.length === 0) return undefined
  return { ...(token !== '' && { [CONSISTENCY_HEADER]: token }), ...(stale.length > 0 && { stale }) }
}
