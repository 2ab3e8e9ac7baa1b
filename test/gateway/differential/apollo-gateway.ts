// Starts stock @apollo/gateway over the same subgraphs, in process, to compare our responses with.
import { createHash } from 'node:crypto'
import { ApolloGateway } from '@apollo/gateway'
import { parse } from 'graphql'
import type { SubgraphResponse } from '#gateway/executor/execution.ts'
import { isObject } from '#platform/domain/json.ts'
import type { Answered, Received } from '#test/gateway/conformance/in-process-federation.ts'
import type { RandomOperation } from '#test/gateway/differential/random-operations.ts'

type RunningApolloGateway = AsyncDisposable & {
  ask(operation: RandomOperation, fetch: Fetch): Promise<Answered>
}
type Fetch = (received: Received) => Promise<SubgraphResponse>

const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

export async function startApolloGateway(supergraphSdl: string): Promise<RunningApolloGateway> {
  const gateway = new ApolloGateway({
    supergraphSdl,
    logger: SILENT,
    buildService: ({ name: service }) => ({
      async process({ request, context }) {
        const fetch: unknown = Reflect.get(context ?? {}, 'fetch')
        if (typeof fetch !== 'function') throw new Error('the context has no fetch')
        const { query = '', variables = {} } = request
        return fetch({ service, query, variables: { ...variables } })
      },
    }),
  })
  const { schema, executor } = await gateway.load()
  return {
    async ask({ query, variables }, fetch) {
      const result = await executor({
        schema,
        document: parse(query),
        source: query,
        queryHash: createHash('sha256').update(query).digest('hex'),
        operationName: null,
        operation: undefined,
        request: { query, variables },
        context: { fetch },
        logger: SILENT,
        metrics: {},
        cache: { get: async () => undefined, set: async () => {}, delete: async () => true },
        overallCachePolicy: undefined,
      } as unknown as Parameters<typeof executor>[0])
      const { data, errors, extensions } = JSON.parse(JSON.stringify(result))
      const completed = isObject(extensions) ? extensions.valueCompletion : undefined
      const all = [...(errors ?? []), ...(Array.isArray(completed) ? completed : [])]
      return { data, ...(all.length > 0 && { errors: all }) }
    },
    [Symbol.asyncDispose]: () => gateway.stop(),
  }
}
