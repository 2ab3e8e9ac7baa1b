// Reads the supergraph from an http: or https: URL, by conditional requests.
import { fetch } from 'undici'
import type { SourceLimits, SupergraphSource } from '#gateway/supergraph/source.ts'
import { OperatorError } from '#platform/domain/errors.ts'

/**
 * Credentials in the URL are sent as HTTP basic authentication. Redirects are followed. The ETag and Last-Modified headers
 * of a response make the next request conditional.
 */
export function openHttpSource(url: URL, { maxBytes, timeoutMs }: SourceLimits): SupergraphSource {
  const { address, authorization } = withoutCredentials(url)
  const from = `${address.origin}${address.pathname}`
  const fixed = { accept: 'application/graphql, text/plain, */*', ...(authorization && { authorization }) }
  let conditions: Record<string, string> = {}

  async function get(): Promise<string | undefined> {
    const response = await fetch(address, {
      headers: { ...fixed, ...conditions },
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (response.status === 304) {
      await response.body?.cancel()
      return undefined
    }
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`it answered with HTTP ${response.status}`)
    }
    const text = await readBounded(response.body, maxBytes)
    conditions = conditionsOf(response.headers)
    return text
  }

  return {
    from,
    mayComeLater: true,
    async read() {
      try {
        return await get()
      } catch (cause) {
        throw new OperatorError(
          'SUPERGRAPH_INVALID',
          `${from} cannot be read: ${reasonOf(cause, timeoutMs)}`,
          cause,
        )
      }
    },
    watch: () => ({ [Symbol.dispose]() {} }),
  }
}

function withoutCredentials(url: URL): { address: URL; authorization: string | undefined } {
  const address = new URL(url)
  const { username, password } = address
  address.username = ''
  address.password = ''
  if (username === '' && password === '') return { address, authorization: undefined }
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { address, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function conditionsOf(headers: { get(name: string): string | null }): Record<string, string> {
  const etag = headers.get('etag')
  const modified = headers.get('last-modified')
  return { ...(etag && { 'if-none-match': etag }), ...(modified && { 'if-modified-since': modified }) }
}

async function readBounded(body: AsyncIterable<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new Error(`it has more than ${maxBytes} bytes, which reload.maxBytes allows`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The message of fetch is always "fetch failed"; its cause says why. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `it did not answer within ${timeoutMs} ms`
  return error.cause instanceof Error
    ? error.cause.message || String(Reflect.get(error.cause, 'code'))
    : error.message
}
