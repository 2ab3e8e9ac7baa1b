// Sends requests to one address of a subgraph, and decompresses its responses.
import { decompress } from '#gateway/transport/decompress.ts'
import { openHttpClient, textOf } from '#platform/http/http-client.ts'

export type OutgoingRequest = {
  readonly kind: 'query' | 'mutation' | 'subscription'
  /** The GraphQL document in the body. */
  readonly operation: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** Aborts the request and closes its connection. */
  readonly signal: AbortSignal
}

export type HttpResponse = {
  readonly text: string
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Disposing waits for running requests. */
export type Connection = AsyncDisposable & {
  /** Rejects when no complete response arrives. */
  readonly send: (request: OutgoingRequest) => Promise<HttpResponse>
}

/** The connection to one instance. */
export type InstanceConnection = Connection & {
  /** Returns whether GET of `path` responds with HTTP 2xx. Never rejects. */
  check(path: string, signal: AbortSignal): Promise<boolean>
}

type ConnectionOptions = {
  readonly url: string
  readonly connections: number
  /** A larger response, compressed or not, is cut off and rejected, so that no subgraph can fill the gateway's memory. */
  readonly maxResponseBytes: number
}

export function openConnection({
  url,
  connections,
  maxResponseBytes,
}: ConnectionOptions): InstanceConnection {
  const client = openHttpClient({ url, connections, maxResponseBytes })
  return {
    async send({ body, headers, signal }) {
      const { bytes, ...response } = await client.send({ method: 'POST', headers, body, signal })
      const encoding = response.headers['content-encoding']
      const text =
        encoding === undefined ? textOf(bytes) : await decompress(bytes, encoding, maxResponseBytes)
      return { ...response, text }
    },
    async check(path, signal) {
      try {
        const { status } = await client.send({ method: 'GET', path, signal })
        return status >= 200 && status < 300
      } catch {
        return false
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}
