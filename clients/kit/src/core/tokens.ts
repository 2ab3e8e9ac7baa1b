// Keeps an access token fresh: one refresh for all who need it, before it expires and after the server refused it.

export type TokenSource = {
  /** Resolves with a token that is good for a while yet. Rejects only if there is none and `fetchToken` fails. */
  get(): Promise<string>
  /** Resolves with a token other than `refused`, which the server did not accept. */
  renew(refused: string): Promise<string>
  /** Returns in how many ms `get` will fetch a new token; Infinity when the token does not say when it expires. */
  renewsInMs(): number
  /** Calls `listener` with each new token, until the returned function is called. */
  onRenewed(listener: (token: string) => void): () => void
  /** Forgets the token, for example when the user signs out. */
  clear(): void
}

export type TokenOptions = {
  /** Gets a new token from the issuer. It is never called twice at once. */
  readonly fetchToken: () => Promise<string>
  /** The token to begin with, if there is one. */
  readonly token?: string | undefined
  /** How long before its expiry a token is replaced, in ms; at most half of its life. 60,000 when left out. */
  readonly marginMs?: number
}

type Held = { readonly token: string; readonly renewAt: number; readonly expiresAt: number }

export function createTokens({ fetchToken, token, marginMs = 60_000 }: TokenOptions): TokenSource {
  const listeners = new Set<(token: string) => void>()
  let held = token === undefined ? undefined : hold(token, marginMs)
  let refresh: Promise<string> | undefined
  let generation = 0

  function refreshOnce(): Promise<string> {
    const begun = generation
    refresh ??= fetchToken()
      .then(fresh => {
        if (begun !== generation) return fresh
        held = hold(fresh, marginMs)
        for (const listener of listeners) listener(fresh)
        return fresh
      })
      .finally(() => {
        if (begun === generation) refresh = undefined
      })
    return refresh
  }

  return {
    async get() {
      const current = held
      if (current && Date.now() < current.renewAt) return current.token
      try {
        return await refreshOnce()
      } catch (error) {
        if (current && Date.now() < current.expiresAt) return current.token
        throw error
      }
    },
    async renew(refused) {
      return held && held.token !== refused ? held.token : refreshOnce()
    },
    renewsInMs: () => (held ? Math.max(0, held.renewAt - Date.now()) : 0),
    onRenewed(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    clear() {
      held = undefined
      refresh = undefined
      generation += 1
    },
  }
}

/** A device's clock may be wrong, so the life of a token counts from when it came, by its own `iat` where it has one. */
function hold(token: string, marginMs: number): Held {
  const { exp, iat } = claimsOf(token)
  if (exp === undefined)
    return { token, renewAt: Number.POSITIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY }
  const now = Date.now()
  const lifeMs = iat === undefined ? exp * 1000 - now : (exp - iat) * 1000
  return { token, renewAt: now + lifeMs - Math.min(marginMs, lifeMs / 2), expiresAt: now + lifeMs }
}

function claimsOf(token: string): { readonly exp?: number | undefined; readonly iat?: number | undefined } {
  try {
    const [, payload = ''] = token.split('.')
    const { exp, iat } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    return { exp: numberOf(exp), iat: numberOf(iat) }
  } catch {
    return {} // a token that is no JWT is used until the server refuses it
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
