// Sends one POST over a connection pool and collects the response as bytes, without a stream in between.
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

type PostRequest = {
  readonly path: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** Aborts the request and closes its connection. */
  readonly signal: AbortSignal
}

type PostResponse = {
  readonly bytes: Buffer
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** Rejects when no complete response arrives. The pool bounds its size. */
export function post(pool: Dispatcher, { path, body, headers, signal }: PostRequest): Promise<PostResponse> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let status = 0
    let given: IncomingHttpHeaders = {}
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
