// Pools keep-alive connections to one address of a subgraph.
import { type Dispatcher, Pool } from 'undici'
import { decompress } from '#gateway/transport/decompress.ts'

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
  const { origin, pathname, search } = new URL(url)
  const pool = new Pool(origin, { connections, maxResponseSize: maxResponseBytes })
  const path = pathname + search
  return {
    async send({ body, headers, signal }) {
      const { bytes, status, headers: given } = await post(pool, { path, headers, body, signal })
      const encoding = given['content-encoding']
      const text =
        encoding === undefined ? textOf(bytes) : await decompress(bytes, String(encoding), maxResponseBytes)
      return { text, status, headers: given }
    },
    async check(checked, signal) {
      try {
        const { statusCode, body } = await pool.request({ path: checked, method: 'GET', signal })
        await body.dump({ limit: maxResponseBytes })
        return statusCode >= 200 && statusCode < 300
      } catch {
        return false
      }
    },
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

type PostRequest = Omit<OutgoingRequest, 'kind' | 'operation'> & { readonly path: string }
type PostResponse = Omit<HttpResponse, 'text'> & { readonly bytes: Buffer }

/** Collects the response without a stream in between. Rejects when no complete one arrives. The pool bounds its size. */
function post(pool: Dispatcher, { path, body, headers, signal }: PostRequest): Promise<PostResponse> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let status = 0
    let given: HttpResponse['headers'] = {}
    let abort = () => {}
    const onAbort = () => {
      abort()
      reject(signal.reason)
    }
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        abort = () => controller.abort(signal.reason)
        if (signal.aborted) abort()
      },
      /** Called for a 1xx response too, before the final one. */
      onResponseStart(_controller, code, received) {
        status = code
        given = received
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd() {
        signal.removeEventListener('abort', onAbort)
        const [only] = chunks
        resolve({ bytes: only && chunks.length === 1 ? only : Buffer.concat(chunks), status, headers: given })
      },
      onResponseError(_controller, error) {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    }
    signal.addEventListener('abort', onAbort)
    pool.dispatch({ path, method: 'POST', headers, body }, handler)
  })
}

const BYTE_ORDER_MARK = 0xfeff

function textOf(bytes: Buffer): string {
  const text = bytes.toString()
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text
}
