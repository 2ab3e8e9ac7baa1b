// Sends requests to one HTTP server: over pooled connections, or without a socket to one that listens in this process.
import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { copyJson, parseJson } from '#platform/domain/json.ts'
import type { HttpRequest, HttpResponse } from '#platform/http/local/local-exchange.ts'
import { findLocalServer } from '#platform/http/local/local-servers.ts'

/** `path` is that of the client's URL when left out. */
type SentRequest = Pick<HttpRequest, 'method' | 'body'> &
  Partial<HttpRequest> & {
    /** Aborts the request and closes its connection. */
    readonly signal: AbortSignal
  }

export type HttpClient = AsyncDisposable & {
  /** Rejects when no complete response arrives. */
  send(request: SentRequest): Promise<HttpResponse>
}

type HttpClientOptions = {
  readonly url: string
  readonly connections: number
  /** Rejects a longer response, unless it is from a server of this process; any length when left out. */
  readonly maxResponseBytes?: number
}

/** Disposing waits for requests under way to other processes; a server of this process waits itself for its own. */
export function openHttpClient({ url, connections, maxResponseBytes = -1 }: HttpClientOptions): HttpClient {
  const { origin, pathname, search } = new URL(url)
  const ownPath = pathname + search
  const pool = new Pool(origin, { connections, maxResponseSize: maxResponseBytes })
  return {
    send({ method, path = ownPath, headers = {}, body, signal }) {
      const local = findLocalServer(origin)
      if (local) return local.send({ method, path, headers, body: copyJson(body) }, signal)
      const text = typeof body === 'object' ? JSON.stringify(body) : body
      return sendOver(pool, { method, path, headers, ...(text !== undefined && { body: text }) }, signal)
    },
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** Collects the response without a stream in between. The pool bounds its size. */
function sendOver(
  pool: Dispatcher,
  options: Dispatcher.DispatchOptions,
  signal: AbortSignal,
): Promise<HttpResponse> {
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let status = 0
    let headers: IncomingHttpHeaders = {}
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
        headers = received
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd() {
        signal.removeEventListener('abort', onAbort)
        const [only] = chunks
        const bytes = only && chunks.length === 1 ? only : Buffer.concat(chunks)
        resolve({ status, headers, bytes })
      },
      onResponseError(_controller, error) {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    }
    signal.addEventListener('abort', onAbort)
    pool.dispatch(options, handler)
  })
}

/** Returns the body of a response as JSON; undefined for one that is not. */
export function jsonOf({ bytes, json }: HttpResponse): unknown {
  return json ?? parseJson(textOf(bytes))
}

const BYTE_ORDER_MARK = 0xfeff

/** Returns a body as text, without a byte order mark. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString()
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text
}
