// Who is on a live connection: the token at its start, its refresh, its end, and how many each subject may have.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Context, ServerOptions } from 'graphql-ws'
import type { WebSocket } from 'ws'
import { CallerError } from '#platform/domain/errors.ts'
import { type Caller, identifyCaller } from '#platform/graphql/caller.ts'
import { LIVE_CLOSE, type LiveOptions } from '#platform/graphql/live-endpoint.ts'

/** One per connection, from its `connection_init` on. `caller` changes when the token is refreshed. */
export type LiveSession = {
  readonly requestId: string
  /** What its connections are counted under. */
  readonly countedAs: string
  caller: Caller
  expiry: NodeJS.Timeout | undefined
}

export type LiveExtra = {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  session?: LiveSession
}

type LiveContext = Context<Record<string, unknown>, LiveExtra>
type Hooks = Pick<ServerOptions<Record<string, unknown>, LiveExtra>, 'onConnect' | 'onPing' | 'onClose'>

const MAX_TIMER_MS = 2 ** 31 - 1

export function createLiveSessions(options: LiveOptions): { readonly hooks: Hooks } {
  const { verifier, logger, connectionsPerSubject = 20 } = options
  const counts = new Map<string, number>()

  /** False when the connection is closed instead of opened. */
  async function connect({ extra, connectionParams }: LiveContext): Promise<boolean> {
    const { socket, request } = extra
    const authorization = textOf(connectionParams?.authorization ?? connectionParams?.Authorization)
    const caller = await identifyCaller(verifier, authorization ?? request.headers.authorization)
    if (socket.readyState !== socket.OPEN) return false
    const countedAs = caller.verified?.viewer.subject ?? `address ${request.socket.remoteAddress}`
    const count = counts.get(countedAs) ?? 0
    if (count >= connectionsPerSubject) {
      socket.close(LIVE_CLOSE.tooManyConnections, `at most ${connectionsPerSubject} connections are allowed`)
      return false
    }
    counts.set(countedAs, count + 1)
    extra.session = { requestId: randomUUID(), countedAs, caller, expiry: expire(socket, caller) }
    return true
  }

  async function refresh({ extra }: LiveContext, authorization: string): Promise<void> {
    const { socket, session } = extra
    if (!session) return
    const caller = await identifyCaller(verifier, authorization)
    if (caller.verified?.viewer.subject !== session.caller.verified?.viewer.subject)
      throw new CallerError('UNAUTHENTICATED', 'the new token is for another subject')
    if (socket.readyState !== socket.OPEN) return
    clearTimeout(session.expiry)
    session.caller = caller
    session.expiry = expire(socket, caller)
  }

  function release(session: LiveSession): void {
    clearTimeout(session.expiry)
    const left = (counts.get(session.countedAs) ?? 1) - 1
    if (left > 0) counts.set(session.countedAs, left)
    else counts.delete(session.countedAs)
  }

  function closeFor(socket: WebSocket, error: unknown): void {
    if (error instanceof CallerError && error.code === 'UNAUTHENTICATED') {
      socket.close(LIVE_CLOSE.unauthenticated, error.message.slice(0, 120))
      return
    }
    logger.error({ err: error }, 'a live connection could not be opened')
    socket.close(1011, 'Internal error')
  }

  return {
    hooks: {
      async onConnect(context) {
        try {
          return await connect(context)
        } catch (error) {
          closeFor(context.extra.socket, error)
          return false
        }
      },
      async onPing(context, payload) {
        const authorization = textOf(payload?.authorization)
        if (authorization === undefined) return
        await refresh(context, authorization).catch((error: unknown) => closeFor(context.extra.socket, error))
      },
      onClose({ extra }) {
        if (extra.session) release(extra.session)
      },
    },
  }
}

/** Closes the connection at the token's end; a token that outlasts every timer is checked again on reconnecting. */
function expire(socket: WebSocket, { verified }: Caller): NodeJS.Timeout | undefined {
  if (verified === undefined) return undefined
  const left = Math.min(verified.expiresAt - Date.now(), MAX_TIMER_MS)
  return setTimeout(() => socket.close(LIVE_CLOSE.unauthenticated, 'the token has expired'), left)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
