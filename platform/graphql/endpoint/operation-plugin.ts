// What happens around each operation: the wait for a required position, headers about consistency, a count.
import type { ApolloServerPlugin, GraphQLRequestContext, GraphQLRequestListener } from '@apollo/server'
import type { Viewer } from '#platform/auth/viewer.ts'
import { CONSISTENCY_HEADER, formatToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { attributeErrors } from '#platform/graphql/endpoint/apollo-errors.ts'
import { createOperationCounter } from '#platform/graphql/operation-counter.ts'

/** The positions of one service: `reached` resolves false when its read models are not there in time, or not waited for. */
export type PositionWaiter = {
  readonly service: string
  waitFor(position: number, timeoutMs: number, viewer: Viewer | undefined): Promise<boolean>
}

export const CONSISTENCY_WAIT_MS = 2000

type Operation = GraphQLRequestContext<RequestContext>

export type OperationPluginOptions = {
  readonly consistency?: PositionWaiter | undefined
  /** Called when a query was answered whole: without errors, and with all that it had to show. */
  readonly onWhole?: ((context: RequestContext, operationName: string | undefined) => void) | undefined
}

/** One listener for all operations: what it needs to know is in their contexts. */
export function createOperationPlugin(
  service: string,
  { consistency, onWhole }: OperationPluginOptions = {},
): ApolloServerPlugin<RequestContext> {
  const count = createOperationCounter(service)
  const listener: GraphQLRequestListener<RequestContext> = {
    ...(consistency && { didResolveOperation: operation => awaitPosition(operation, consistency) }),
    async didEncounterErrors({ errors, contextValue }) {
      attributeErrors(errors, contextValue.requestId)
    },
    async willSendResponse(operation) {
      tellConsistency(operation)
      count({
        name: operation.operationName ?? undefined,
        kind: operation.operation?.operation,
        outcome: operation.errors ? 'error' : 'ok',
      })
      if (isWhole(operation)) onWhole?.(operation.contextValue, operation.operationName ?? undefined)
    },
  }
  return { requestDidStart: async () => listener }
}

/** Once per query, before its resolvers run; mutations load what they decide on from the store itself. */
async function awaitPosition(
  { operation, contextValue }: Operation,
  { service, waitFor }: PositionWaiter,
): Promise<void> {
  const position = contextValue.consistency.required[service]
  if (position === undefined || operation?.operation !== 'query') return
  if (!(await waitFor(position, CONSISTENCY_WAIT_MS, contextValue.viewer)))
    contextValue.consistency.stale.push(service)
}

function isWhole({ operation, errors, contextValue, response }: Operation): boolean {
  if (operation?.operation !== 'query' || errors !== undefined) return false
  if (contextValue.consistency.stale.length > 0 || response.body?.kind !== 'single') return false
  const { data, errors: told } = response.body.singleResult
  return told === undefined && data !== undefined && data !== null
}

function tellConsistency({ contextValue, response }: Operation): void {
  const { seen, stale } = contextValue.consistency
  const token = formatToken(seen)
  if (token) response.http.headers.set(CONSISTENCY_HEADER, token)
  if (stale.length === 0) return
  response.http.headers.set(STALE_HEADER, stale.join(','))
  if (response.body?.kind !== 'single') return
  const { singleResult } = response.body
  singleResult.extensions = { ...singleResult.extensions, stale }
}
