// Decompresses a response body, with a bound on the result so that a small body cannot fill the memory.
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, type ZlibOptions } from 'node:zlib'

type Decoder = (bytes: Uint8Array, options: ZlibOptions) => Promise<Uint8Array>

/** The Accept-Encoding header that is sent where compression is on. */
export const ACCEPTED_ENCODINGS = 'br, gzip, deflate'

const gunzipped: Decoder = promisify(gunzip)
const inflated: Decoder = promisify(inflate)
const inflatedRaw: Decoder = promisify(inflateRaw)
const unbrotlied: Decoder = promisify(brotliDecompress)

const DECODERS: Readonly<Record<string, Decoder>> = {
  br: unbrotlied,
  gzip: gunzipped,
  'x-gzip': gunzipped,
  // RFC 9110 means the zlib format; some servers send the raw deflate data inside it.
  deflate: (bytes, options) => (isZlib(bytes) ? inflated : inflatedRaw)(bytes, options),
  identity: async bytes => bytes,
}

/** The most encodings that are applied one after the other. */
const MAX_ENCODINGS = 3

/** Decompresses by a Content-Encoding header. Rejects unknown encodings, malformed bytes, and more than `maxBytes`. */
export async function decompress(
  compressed: Uint8Array,
  encoding: string,
  maxBytes: number,
): Promise<string> {
  const names = encoding
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
  if (names.length > MAX_ENCODINGS)
    throw new Error(
      `the response is compressed ${names.length} times, at most ${MAX_ENCODINGS} are supported`,
    )
  let bytes = compressed
  for (const name of names.reverse()) {
    const step = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
    if (step === undefined)
      throw new Error(`the response is compressed with ${name}, which the gateway does not accept`)
    bytes = await step(bytes, { maxOutputLength: maxBytes })
  }
  return new TextDecoder().decode(bytes)
}

/** The zlib format begins with two bytes: the deflate method, and a check that makes both a multiple of 31. */
function isZlib(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0
}
