// A subscriber to a live graph, with the client that front ends use. Ends with its `using` block.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

export type LiveClient<Data> = AsyncDisposable & {
  /** The next value; throws the first error of an operation that is refused. */
  next(): Promise<Data>
  /** Values up to and with the first that `isLast` holds for. */
  until(isLast: (data: Data) => boolean): Promise<Data[]>
}

export type LiveOperation = {
  /** A service's root, such as http://127.0.0.1:4000. */
  readonly url: string
  readonly token: string
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Of the upgrade request, beside those of the protocol. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Never connects again by itself: a connection that closes is an error. */
export function subscribe<Data>({ url, token, headers = {}, ...operation }: LiveOperation): LiveClient<Data> {
  class HeadedSocket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols, { headers })
    }
  }
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: HeadedSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  })
  const results = client.iterate<Data>({
    query: operation.query,
    variables: { ...operation.variables },
    extensions: { ...operation.extensions },
  })
  async function next(): Promise<Data> {
    const { done, value } = await results.next()
    if (done || !value.data) throw new Error(value?.errors?.[0]?.message ?? 'the subscription ended')
    return value.data
  }
  return {
    next,
    async until(isLast) {
      const seen: Data[] = []
      for (;;) {
        const value = await next()
        seen.push(value)
        if (isLast(value)) return seen
      }
    },
    async [Symbol.asyncDispose]() {
      await results.return?.()
      await client.dispose()
    },
  }
}
