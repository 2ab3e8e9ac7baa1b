// Reads from the address of the page whose shop this is: `#api=…&token=…&after=…`.

export type Session = {
  /** The URL of the web BFF's endpoint. */
  readonly api: string
  readonly token: string
  /** A cursor of the list of orders: the list begins behind it. */
  readonly after: string | null
}

/** Throws when the address lacks a part. */
export function readSession(): Session {
  const parts = new URLSearchParams(location.hash.slice(1))
  const [api, token] = [parts.get('api'), parts.get('token')]
  if (!api || !token) throw new Error('the address should have #api=…&token=…')
  return { api, token, after: parts.get('after') }
}

/** Returns the address of the WebSocket at the same endpoint. */
export function socketUrl({ api }: Session): string {
  return api.replace(/^http/, 'ws')
}
