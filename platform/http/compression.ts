// Compresses responses with Brotli or gzip, as the client accepts it.
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

export type Encoding = 'br' | 'gzip'

/** Smaller responses are sent as they are: they fit one packet either way. */
export const COMPRESSED_FROM = 1024

const MAX_REMEMBERED = 200
/** Responses of a few kilobytes come out as small as with gzip's best level, in less time. */
const BROTLI_QUALITY = 5

const brotliAsync = promisify(brotliCompress)
const gzipAsync = promisify<Buffer, Buffer>(gzip)
const choices = new Map<string, Encoding | undefined>()

/** Chooses by Accept-Encoding (RFC 9110, 12.5.3): Brotli unless gzip has more weight; undefined for neither. */
export function chooseEncoding(header: string | undefined): Encoding | undefined {
  if (!header) return undefined
  const known = choices.get(header)
  if (known !== undefined || choices.has(header)) return known
  const chosen = choose(header)
  if (choices.size < MAX_REMEMBERED) choices.set(header, chosen)
  return chosen
}

function choose(header: string): Encoding | undefined {
  const weights = new Map(header.split(',').map(weigh))
  const others = weights.get('*') ?? 0
  const brotli = weights.get('br') ?? others
  const zipped = weights.get('gzip') ?? weights.get('x-gzip') ?? others
  if (brotli === 0 && zipped === 0) return undefined
  return brotli >= zipped ? 'br' : 'gzip'
}

/** The weight is 0 where it is no number. */
function weigh(entry: string): [string, number] {
  const [coding = '', ...parameters] = entry.split(';').map(part => part.trim().toLowerCase())
  const quality = parameters.find(parameter => parameter.startsWith('q='))?.slice(2)
  const weight = quality === undefined ? 1 : Number(quality)
  return [coding, weight > 0 && weight <= 1 ? weight : 0]
}

/** Compresses outside the event loop's thread. */
export function compress(bytes: Buffer, encoding: Encoding): Promise<Buffer> {
  if (encoding === 'gzip') return gzipAsync(bytes)
  return brotliAsync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  })
}
