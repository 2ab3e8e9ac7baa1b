// The entry `@waybill/kit/apollo`: what Apollo Client 4 needs beside its own links and cache.

import type { ApolloClient } from '@apollo/client'
import { CombinedGraphQLErrors } from '@apollo/client/errors'
import { ApolloLink } from '@apollo/client/link'
import { Observable, print, relayStylePagination } from '@apollo/client/utilities'
import { parse } from 'graphql'
import type { SmallSchema } from '../codegen.ts'
import type { SendOperation } from '../core/http.ts'
import type { GraphqlRequest, GraphqlResult } from '../core/request.ts'
import type { Live } from '../live/live.ts'
import { connectionFields } from './connections.ts'

/** A link for subscriptions: split off by `operationType`, it takes the place of GraphQLWsLink. */
export function liveLink(live: Live): ApolloLink {
  return new ApolloLink(
    ({ query, operationName, variables }) =>
      new Observable(observer =>
        live.subscribe<Record<string, unknown>>(
          { query: print(query), operationName, variables },
          {
            next: result => observer.next(result),
            error: error => observer.error(error),
            complete: () => observer.complete(),
          },
        ),
      ),
  )
}

/** Sends an outbox's commands through the client, so that its cache follows. */
export function apolloSender(client: ApolloClient): SendOperation {
  return async <T>(
    { query, variables }: GraphqlRequest<T>,
    fetchOptions?: { readonly signal?: AbortSignal },
  ): Promise<GraphqlResult<T>> => {
    const { data, error } = await client.mutate<T>({
      mutation: parse(String(query)),
      variables: { ...variables },
      errorPolicy: 'all',
      context: { fetchOptions },
    })
    // The server answers by the schema that the types were generated from.
    const result = { data: (data ?? null) as T | null }
    if (!error) return result
    if (CombinedGraphQLErrors.is(error)) return { ...result, errors: error.errors }
    throw error
  }
}

/** The options of InMemoryCache that the graph asks for: the members of its interfaces and unions, and its connections. */
export function cachePolicies(schema: SmallSchema) {
  const possibleTypes: Record<string, string[]> = {}
  for (const type of schema.__schema.types)
    if ('possibleTypes' in type) possibleTypes[type.name] = type.possibleTypes.map(({ name }) => name)
  const typePolicies: Record<string, { fields: Record<string, ReturnType<typeof relayStylePagination>> }> = {}
  for (const { type, field, filters } of connectionFields(schema)) {
    typePolicies[type] ??= { fields: {} }
    typePolicies[type].fields[field] = relayStylePagination(filters.length > 0 && filters)
  }
  return { possibleTypes, typePolicies }
}
