// Encodes a response once (its bytes, its ETag, its compressed variants) and sends it.
import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { COMPRESSED_FROM, chooseEncoding, compress, type Encoding } from '#platform/http/compression.ts'
import { LocalMessage, LocalReply } from '#platform/http/local/local-exchange.ts'

type Headers = Readonly<Record<string, string>>

export type EncodedResponse = {
  readonly bytes: Buffer
  /** The content type, the ETag and the other headers that are sent each time. */
  readonly headers: Headers
  /** Undefined for a response that is sent once. */
  readonly etag: string | undefined
  /** The variants that clients asked for. */
  readonly compressed: Map<Encoding, Variant>
  /** Called after each new variant. */
  readonly onCompressed?: () => void
}

type Variant = { readonly bytes: Buffer; readonly headers: Headers }

/**
 * Caches may keep a response for one caller and must revalidate it each time. That checks the consistency header anew,
 * which is why the response does not vary by it.
 */
const SHARED_HEADERS: Headers = {
  'cache-control': 'private, no-cache',
  vary: 'authorization, accept, accept-language, accept-encoding, origin',
}

type ResponseParts = {
  readonly text: string
  readonly headers: Headers
  /** When true, it gets an ETag, which costs a hash. */
  readonly tagged: boolean
  readonly onCompressed?: () => void
}

export function encodeResponse({ text, headers, tagged, onCompressed }: ResponseParts): EncodedResponse {
  const bytes = Buffer.from(text)
  // The tag is weak: all variants of a response share it.
  const etag = tagged ? `W/"${hash('sha256', bytes, 'base64url').slice(0, 27)}"` : undefined
  return {
    bytes,
    etag,
    headers: { ...SHARED_HEADERS, ...headers, ...(etag !== undefined && { etag }) },
    compressed: new Map(),
    ...(onCompressed && { onCompressed }),
  }
}

/** Sends 304 when a GET's If-None-Match names the ETag; compresses from 1 KB on, as the client accepts it. */
export function sendResponse(
  request: FastifyRequest,
  reply: FastifyReply,
  response: EncodedResponse,
): Promise<void> | undefined {
  const { bytes, headers, etag } = response
  const known = request.headers['if-none-match']
  if (known !== undefined && etag !== undefined && request.method !== 'POST' && matches(known, etag)) {
    const { 'content-type': _type, ...rest } = headers
    return send(reply.removeHeader('content-type').code(304), { headers: rest, bytes: undefined })
  }
  const encoding =
    bytes.length < COMPRESSED_FROM ? undefined : chooseEncoding(request.headers['accept-encoding'])
  const variant = encoding === undefined ? response : response.compressed.get(encoding)
  if (variant !== undefined || encoding === undefined) return send(reply, variant ?? response)
  return addVariant(response, encoding).then(added => send(reply, added))
}

/** Hands `json` to a client of this process that sent a value, too; returns false for any other, which gets bytes. */
export function handOver({ raw }: FastifyRequest, reply: FastifyReply, json: unknown): boolean {
  if (!(raw instanceof LocalMessage && raw.json && reply.raw instanceof LocalReply)) return false
  reply.raw.json = json
  reply.send()
  return true
}

function send(
  reply: FastifyReply,
  { headers, bytes }: { readonly headers: Headers; readonly bytes: Buffer | undefined },
): undefined {
  reply.headers(headers).send(bytes)
}

async function addVariant(response: EncodedResponse, encoding: Encoding): Promise<Variant> {
  const bytes = await compress(response.bytes, encoding)
  const variant = { bytes, headers: { ...response.headers, 'content-encoding': encoding } }
  const earlier = response.compressed.get(encoding)
  if (earlier !== undefined) return earlier
  response.compressed.set(encoding, variant)
  response.onCompressed?.()
  return variant
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
function matches(header: string, etag: string): boolean {
  if (header === etag) return true
  const opaque = etag.slice(2)
  return header.split(',').some(entry => {
    const tag = entry.trim()
    return tag === '*' || tag === opaque || tag === etag
  })
}
