// Whose bucket an operation is charged to. Pure.
import type { IncomingHttpHeaders } from 'node:http'
import { isIPv6 } from 'node:net'

export type RateLimitedClient = {
  readonly headers: IncomingHttpHeaders
  /** Of its token; undefined for one that shows none. */
  readonly subject: string | undefined
  readonly address: string | undefined
}

/** By the header when there is one to go by, else by the token's subject, else by the address. */
export function clientKey(
  { headers, subject, address }: RateLimitedClient,
  header: string | undefined,
): string {
  const named = header === undefined ? undefined : headers[header]
  if (named !== undefined && named !== '') return `header ${named}`
  return subject === undefined ? `address ${networkOf(address ?? 'unknown')}` : `subject ${subject}`
}

/** A client with IPv6 has a whole /64 to itself, and may come from anywhere in it. */
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
