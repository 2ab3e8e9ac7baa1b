// A subscriber over graphql-transport-ws, with the client that people use. It never connects again by itself.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

export type Subscriber = AsyncDisposable & {
  /** The next answer; throws what ends the operation. Undefined when it is complete. */
  next(): Promise<object | undefined>
}

export function subscribe(
  url: string,
  query: string,
  {
    variables = {},
    token,
    headers = {},
  }: {
    readonly variables?: Record<string, unknown>
    readonly token?: string
    readonly headers?: Record<string, string>
  } = {},
): Subscriber {
  class HeadedSocket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers })
    }
  }
  const client = createClient({
    url,
    webSocketImpl: HeadedSocket,
    retryAttempts: 0,
    ...(token !== undefined && { connectionParams: { authorization: `Bearer ${token}` } }),
  })
  const results = client.iterate({ query, variables })
  return {
    async next() {
      const { done, value } = await results.next()
      return done ? undefined : value
    },
    async [Symbol.asyncDispose]() {
      await results.return?.()
      await client.dispose()
    },
  }
}
