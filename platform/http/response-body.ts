// An answer as it goes out: its bytes, its tag, and the packed variants, each made once. Free of GraphQL and of keeping.
import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { COMPRESSED_FROM, chooseEncoding, compress, type Encoding } from '#platform/http/compression.ts'

type Headers = Readonly<Record<string, string>>

export type EncodedResponse = {
  readonly bytes: Buffer
  /** Content type and tag, and what else goes with every sending. */
  readonly headers: Headers
  /** Undefined for an answer that goes out once. */
  readonly etag: string | undefined
  /** Variants that were asked for; a failed one is forgotten. */
  readonly compressed: Map<Encoding, Packed>
  /** Called after each new variant. */
  readonly onCompressed?: () => void
}

type Packed = { readonly bytes: Buffer; readonly headers: Headers }

/**
 * Caches may keep it for one caller and must ask each time. What else the caller may see of it is decided anew then, so
 * the consistency header is not among what it varies by.
 */
const SHARED_HEADERS: Headers = {
  'cache-control': 'private, no-cache',
  vary: 'authorization, accept, accept-language, accept-encoding, origin',
}

export type ResponseParts = {
  readonly text: string
  readonly headers: Headers
  /** Whether it has a tag, which costs a hash. */
  readonly tagged: boolean
  readonly onCompressed?: () => void
}

export function encodeResponse({ text, headers, tagged, onCompressed }: ResponseParts): EncodedResponse {
  const bytes = Buffer.from(text)
  // Weak: the variants of an answer share it.
  const etag = tagged ? `W/"${hash('sha256', bytes, 'base64url').slice(0, 27)}"` : undefined
  return {
    bytes,
    etag,
    headers: { ...SHARED_HEADERS, ...headers, ...(etag !== undefined && { etag }) },
    compressed: new Map(),
    ...(onCompressed && { onCompressed }),
  }
}

/** 304 when a GET's If-None-Match names the answer's tag; packed as the client takes it from 1 KB on. */
export function sendResponse(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: EncodedResponse,
): Promise<void> | undefined {
  const { bytes, headers, etag } = answer
  const known = request.headers['if-none-match']
  if (known !== undefined && etag !== undefined && request.method !== 'POST' && names(known, etag)) {
    const { 'content-type': _type, ...rest } = headers
    return send(reply.removeHeader('content-type').code(304), { headers: rest, bytes: undefined })
  }
  const encoding =
    bytes.length < COMPRESSED_FROM ? undefined : chooseEncoding(request.headers['accept-encoding'])
  const made = encoding === undefined ? answer : answer.compressed.get(encoding)
  if (made !== undefined || encoding === undefined) return send(reply, made ?? answer)
  return pack(answer, encoding).then(packed => send(reply, packed))
}

function send(
  reply: FastifyReply,
  { headers, bytes }: { readonly headers: Headers; readonly bytes: Buffer | undefined },
): undefined {
  reply.headers(headers).send(bytes)
}

async function pack(answer: EncodedResponse, encoding: Encoding): Promise<Packed> {
  const bytes = await compress(answer.bytes, encoding)
  const made = { bytes, headers: { ...answer.headers, 'content-encoding': encoding } }
  const earlier = answer.compressed.get(encoding)
  if (earlier !== undefined) return earlier
  answer.compressed.set(encoding, made)
  answer.onCompressed?.()
  return made
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
function names(header: string, etag: string): boolean {
  if (header === etag) return true
  const opaque = etag.slice(2)
  return header.split(',').some(entry => {
    const tag = entry.trim()
    return tag === '*' || tag === opaque || tag === etag
  })
}
