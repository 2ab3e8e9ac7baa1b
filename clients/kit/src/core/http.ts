// Sends operations with plain fetch, and gives any fetch a token that is renewed in time.
import { type GraphqlRequest, type GraphqlResult, isResult, requestJson } from './request.ts'
import type { TokenSource } from './tokens.ts'

/** The response was not one of GraphQL: a proxy in between answered, or the service is not there. */
export class HttpFault extends Error {
  readonly status: number
  /** How long the response asks to wait, in ms. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, retryAfterMs: number | undefined) {
    super(`HTTP ${status} without a GraphQL result`)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Wraps `fetch` for Apollo's HttpLink, urql's `fetch` and plain use: adds the token, and after a 401 sends the request once
 * more with a renewed one. However many requests meet a 401 at once, the token is fetched once.
 */
export function authorizedFetch(tokens: TokenSource, base: typeof fetch = fetch): typeof fetch {
  const send = (input: Parameters<typeof fetch>[0], init: RequestInit | undefined, token: string) => {
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
    headers.set('authorization', `Bearer ${token}`)
    return base(input instanceof Request ? input.clone() : input, { ...init, headers })
  }
  return async (input, init) => {
    const token = await tokens.get()
    const response = await send(input, init, token)
    if (response.status !== 401) return response
    const renewed = await tokens.renew(token)
    if (renewed === token) return response
    await response.body?.cancel()
    return send(input, init, renewed)
  }
}

/** Sends one operation. Rejects with HttpFault, or as `fetch` does; errors of GraphQL are in the result. */
export type SendOperation = <T>(
  request: GraphqlRequest<T>,
  options?: { readonly signal?: AbortSignal },
) => Promise<GraphqlResult<T>>

export type HttpOptions = {
  /** The endpoint, such as `https://shop.example/graphql`. */
  readonly url: string
  /** With `authorizedFetch`, the requests carry a token. */
  readonly fetch?: typeof fetch
}

export function createSender({ url, fetch: send = fetch }: HttpOptions): SendOperation {
  return async <T>(request: GraphqlRequest<T>, options?: { readonly signal?: AbortSignal }) => {
    const response = await send(url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'content-type': 'application/json',
      },
      body: requestJson(request),
      ...options,
    })
    const body: unknown = await response.json().catch(() => undefined)
    // The server answers by the schema that the types were generated from.
    if (isResult(body)) return body as GraphqlResult<T>
    throw new HttpFault(response.status, retryAfter(response.headers.get('retry-after')))
  }
}

function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
