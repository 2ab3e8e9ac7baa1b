import { createClient as createSockets } from 'graphql-ws'
import {
  Environment,
  type FetchFunction,
  type GraphQLResponse,
  Network,
  Observable,
  RecordSource,
  Store,
  type SubscribeFunction,
} from 'relay-runtime'
import { type Session, socketUrl } from '../shop/session.ts'

/** The store is told nothing: Relay's compiler knows the schema. */
export function createEnvironment(session: Session): Environment {
  const headers = { authorization: `Bearer ${session.token}` }
  const sockets = createSockets({ url: socketUrl(session), connectionParams: headers })

  const post: FetchFunction = async ({ text }, variables) => {
    const response = await fetch(session.api, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    })
    return response.json()
  }

  const subscribe: SubscribeFunction = ({ text, name }, variables) =>
    Observable.create<GraphQLResponse>(sink =>
      sockets.subscribe(
        { query: text ?? '', operationName: name, variables },
        {
          next: result => sink.next(result as GraphQLResponse),
          error: problem => sink.error(problem instanceof Error ? problem : new Error(String(problem))),
          complete: () => sink.complete(),
        },
      ),
    )

  return new Environment({
    network: Network.create(post, subscribe),
    store: new Store(new RecordSource()),
  })
}
