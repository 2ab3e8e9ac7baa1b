// For whom a service asks another: the end client, named in a header that is believed of services alone. Pure.
import type { IncomingHttpHeaders } from 'node:http'
import { headerText } from '#platform/http/header-text.ts'

/** By its token's subject; one that shows none by its address. */
export type EndClient = { readonly subject: string } | { readonly address: string }

/** Names the end client. */
export const END_CLIENT_HEADER = 'waybill-client'
/** A service's token beside that, where the request itself is not in the service's name. */
export const FORWARDER_HEADER = 'waybill-forwarder'

const MAX_LENGTH = 1000

export function formatEndClient(client: EndClient): string {
  return 'subject' in client
    ? `subject ${encodeURIComponent(client.subject)}`
    : `address ${encodeURIComponent(client.address)}`
}

/** Undefined where no client is named, or not in that form. */
export function parseEndClient(headers: IncomingHttpHeaders): EndClient | undefined {
  const text = headerText(headers[END_CLIENT_HEADER])
  const [, kind, encoded = ''] = /^(subject|address) (\S+)$/.exec(text?.slice(0, MAX_LENGTH) ?? '') ?? []
  const value = decoded(encoded)
  if (value === undefined || kind === undefined) return undefined
  return kind === 'subject' ? { subject: value } : { address: value }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
