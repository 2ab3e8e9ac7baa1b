// Names the bucket that an operation is charged to, by its client.
import type { IncomingHttpHeaders } from 'node:http'
import { isIPv6 } from 'node:net'

export type RateLimitedClient = {
  readonly headers: IncomingHttpHeaders
  /** The subject of the client's token; undefined without a token. */
  readonly subject: string | undefined
  readonly address: string | undefined
}

/** Returns the value of the header where one is configured and sent, else the token's subject, else the address. */
export function clientKey(
  { headers, subject, address }: RateLimitedClient,
  header: string | undefined,
): string {
  const named = header === undefined ? undefined : headers[header]
  if (named !== undefined && named !== '') return `header ${named}`
  return subject === undefined ? `address ${networkOf(address ?? 'unknown')}` : `subject ${subject}`
}

/** An IPv6 client usually owns a whole /64 and may use any address in it. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.replace(/%.*$/, '').split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  return [...front, ...zeros, ...back]
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}
