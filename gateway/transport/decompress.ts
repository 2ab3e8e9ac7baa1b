// The text of a packed answer, bounded by its size after unpacking: a small answer cannot become one that fills the memory.
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, type ZlibOptions } from 'node:zlib'

type Decoder = (bytes: Uint8Array, options: ZlibOptions) => Promise<Uint8Array>

/** What is asked for where compression is on. */
export const ACCEPTED_ENCODINGS = 'br, gzip, deflate'

const gunzipped: Decoder = promisify(gunzip)
const inflated: Decoder = promisify(inflate)
const inflatedRaw: Decoder = promisify(inflateRaw)
const unbrotlied: Decoder = promisify(brotliDecompress)

const DECODERS: Readonly<Record<string, Decoder>> = {
  br: unbrotlied,
  gzip: gunzipped,
  'x-gzip': gunzipped,
  // RFC 9110 means zlib's format; some servers send what is inside it.
  deflate: (bytes, options) => (isZlib(bytes) ? inflated : inflatedRaw)(bytes, options),
  identity: async bytes => bytes,
}

/** Applied one after the other, at most. */
const MAX_ENCODINGS = 3

/** By a Content-Encoding header. Rejects an encoding that is not known, bytes that are not in it, and more than `maxBytes`. */
export async function decompress(packed: Uint8Array, encoding: string, maxBytes: number): Promise<string> {
  const names = encoding
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
  if (names.length > MAX_ENCODINGS) throw new Error(`the answer is packed ${names.length} times`)
  let bytes = packed
  for (const name of names.reverse()) {
    const step = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
    if (step === undefined) throw new Error(`the answer is packed with ${name}, which was not asked for`)
    bytes = await step(bytes, { maxOutputLength: maxBytes })
  }
  return new TextDecoder().decode(bytes)
}

/** The first two bytes of zlib's format: deflate, and a check that makes them a multiple of 31. */
function isZlib(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0
}
