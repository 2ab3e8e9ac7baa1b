import { cacheExchange } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import { createClient as createSockets } from 'graphql-ws'
import { Client, fetchExchange, subscriptionExchange } from 'urql'
import type { CancelOrderInput } from '../generated/graphql.ts'
import schema from '../generated/introspection.json'
import { type Session, socketUrl } from '../shop/session.ts'

/** The types without an id are parts of the one that they stand in. */
const keys = Object.fromEntries(
  schema.__schema.types
    .filter(({ kind, fields }) => kind === 'OBJECT' && !fields?.some(({ name }) => name === 'id'))
    .map(({ name }) => [name, () => null]),
)

/**
 * The cache is told the schema, which types have no id, which field is a list, and what a cancellation will probably give.
 */
export function createClient(session: Session): Client {
  const headers = { authorization: `Bearer ${session.token}` }
  const sockets = createSockets({ url: socketUrl(session), connectionParams: headers })
  return new Client({
    url: session.api,
    preferGetMethod: false,
    fetchOptions: { headers },
    exchanges: [
      cacheExchange({
        schema,
        keys,
        resolvers: { Query: { orders: relayPagination({ mergeMode: 'outwards' }) } },
        optimistic: {
          cancelOrder: ({ input }: { input?: CancelOrderInput }) => ({
            __typename: 'OrderCancelled',
            order: { __typename: 'Order', id: input?.orderId ?? '', status: 'CANCELLED' },
          }),
        },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: sink => ({
            unsubscribe: sockets.subscribe(
              { query, variables: { ...variables } },
              {
                ...sink,
                next: ({ data, errors }) => sink.next({ data, errors: errors?.slice() }),
              },
            ),
          }),
        }),
      }),
    ],
  })
}
