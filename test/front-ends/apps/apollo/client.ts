import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { relayStylePagination } from '@apollo/client/utilities'
import { OperationTypeNode } from 'graphql'
import { createClient as createSockets } from 'graphql-ws'
import possible from '../generated/possible-types.ts'
import { type Session, socketUrl } from '../shop/session.ts'

/** The cache is told which types an interface has and which field is a list; of orders it knows nothing. */
export function createClient(session: Session): ApolloClient {
  const headers = { authorization: `Bearer ${session.token}` }
  const sockets = createSockets({ url: socketUrl(session), connectionParams: headers })
  return new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(sockets),
      new HttpLink({ uri: session.api, headers }),
    ),
    cache: new InMemoryCache({
      possibleTypes: possible.possibleTypes,
      typePolicies: { Query: { fields: { orders: relayStylePagination(['filter', 'sort']) } } },
    }),
  })
}
