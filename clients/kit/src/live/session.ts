// Defines a connection that carries subscriptions, the same over WebSocket and over server-sent events.
import type { GraphqlError, GraphqlRequest, GraphqlResult } from '../core/request.ts'
import type { TokenSource } from '../core/tokens.ts'

/** Why a session is over, and what that means for the next one. */
export type SessionEnd = {
  readonly reason: string
  /** The server did not accept the token: renew it before the next session. */
  readonly tokenRefused?: boolean
  /** There is no point in another session: the server does not understand this client. */
  readonly fatal?: boolean
  readonly retryAfterMs?: number | undefined
}

/** The news of a session. After `ended` it tells nothing more. */
export type SessionEvents = {
  /** The server has accepted the connection. */
  live(): void
  next(id: string, result: GraphqlResult): void
  /** The operation failed as a whole, and is over. */
  failed(id: string, errors: readonly GraphqlError[]): void
  completed(id: string): void
  ended(end: SessionEnd): void
}

export type Session = {
  /** Starts an operation, at the latest when the connection is live. */
  start(id: string, request: GraphqlRequest): void
  stop(id: string): void
  /** Ends the session without a call of `ended`. */
  close(): void
}

export type SessionOptions = {
  readonly url: string
  readonly token: string | undefined
  readonly tokens: TokenSource | undefined
  readonly fetch: typeof fetch
  readonly WebSocket: typeof WebSocket | undefined
  /** A connection that said nothing for so long is asked whether it still lives, in ms. */
  readonly keepAliveMs: number
  /** How long the server may take to accept the connection or to answer that question, in ms. */
  readonly timeoutMs: number
}

/** The longest delay that a timer takes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Calls `renewed` with each new token of a session, which is fetched in time. Returns how to stop. */
export function keepTokenFresh(
  tokens: TokenSource | undefined,
  renewed: (token: string) => void,
): () => void {
  if (!tokens) return () => {}
  let timer: ReturnType<typeof setTimeout> | undefined
  const schedule = () => {
    clearTimeout(timer)
    // A failed refresh is met again when the server ends the session.
    timer = setTimeout(
      () => tokens.get().catch(() => {}),
      Math.min(tokens.renewsInMs() + 1, LONGEST_TIMER_MS),
    )
  }
  const stop = tokens.onRenewed(token => {
    schedule()
    renewed(token)
  })
  schedule()
  return () => {
    clearTimeout(timer)
    stop()
  }
}
