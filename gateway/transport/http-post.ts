// One POST over a pool, its answer collected as bytes: no stream stands between the parser and who waits. Free of GraphQL.
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

export type PostRequest = {
  readonly path: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** Ends the request, and the connection that it is on. */
  readonly signal: AbortSignal
}

export type PostResponse = {
  readonly bytes: Buffer
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/** Rejects when no whole answer came back. The pool bounds its size. */
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
      /** Also for a 1xx, which another follows. */
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
