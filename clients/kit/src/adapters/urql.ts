// The entry `@waybill/kit/urql`: what urql needs beside its own exchanges and Graphcache.
import { type Client, type Exchange, subscriptionExchange } from '@urql/core'
import type { SmallSchema } from '../codegen.ts'
import type { SendOperation } from '../core/http.ts'
import type { GraphqlRequest, GraphqlResult } from '../core/request.ts'
import type { Live } from '../live/live.ts'
import { connectionFields } from './connections.ts'

/** An exchange for subscriptions. */
export function liveExchange(live: Live): Exchange {
  return subscriptionExchange({
    forwardSubscription: ({ query = '', variables, operationName }) => ({
      subscribe: sink => ({
        unsubscribe: live.subscribe<Record<string, unknown>>(
          { query, operationName, variables: { ...variables } },
          {
            next: ({ data, errors }) =>
              sink.next({ data: data ?? null, ...(errors && { errors: [...errors] }) }),
            error: error => sink.error(error),
            complete: () => sink.complete(),
          },
        ),
      }),
    }),
  })
}

/** Sends an outbox's commands through the client, so that its cache follows. */
export function urqlSender(client: Client): SendOperation {
  return async <T>({ query, variables }: GraphqlRequest<T>): Promise<GraphqlResult<T>> => {
    const { data, error } = await client.mutation<T>(String(query), { ...variables }).toPromise()
    if (error?.networkError) throw error.networkError
    if (!error) return { data: data ?? null }
    return {
      data: data ?? null,
      errors: error.graphQLErrors.map(({ message, extensions }) => ({ message, extensions })),
    }
  }
}

/**
 * The options of Graphcache that the graph asks for: its schema, no keys for types without an id, and its connections.
 * `relayPagination` is that of `@urql/exchange-graphcache/extras`.
 */
export function graphcacheOptions<R>(schema: SmallSchema, relayPagination: () => R) {
  const keys: Record<string, () => null> = {}
  for (const type of schema.__schema.types)
    if (type.kind === 'OBJECT' && !type.fields.some(({ name }) => name === 'id')) keys[type.name] = () => null
  const resolvers: Record<string, Record<string, R>> = {}
  for (const { type, field } of connectionFields(schema)) {
    resolvers[type] ??= {}
    resolvers[type][field] = relayPagination()
  }
  return { schema, keys, resolvers }
}
