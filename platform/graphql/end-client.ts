// Formats and parses the header by which a service names the end client that it calls another service for.
import type { IncomingHttpHeaders } from 'node:http'
import { headerText } from '#platform/http/header-text.ts'

/** A client is named by its token's subject, or by its address without a token. */
export type EndClient = { readonly subject: string } | { readonly address: string }

/** The header that names the end client; believed of services alone. */
export const END_CLIENT_HEADER = 'waybill-client'
/** The header with the token of the service that sends a request with its caller's token, or with none. */
export const FORWARDER_HEADER = 'waybill-forwarder'

const MAX_LENGTH = 1000

export function formatEndClient(client: EndClient): string {
  return 'subject' in client
    ? `subject ${encodeURIComponent(client.subject)}`
    : `address ${encodeURIComponent(client.address)}`
}

/** Returns undefined where no client is named, or not in this form. */
export function parseEndClient(headers: IncomingHttpHeaders): EndClient | undefined {
  const text = headerText(headers[END_CLIENT_HEADER])
  const [, kind, encoded = ''] = /^(subject|address) (\S+)$/.exec(text?.slice(0, MAX_LENGTH) ?? '') ?? []
  const value = decode(encoded)
  if (value === undefined || kind === undefined) return undefined
  return kind === 'subject' ? { subject: value } : { address: value }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
