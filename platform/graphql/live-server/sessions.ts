// Authenticates live connections: the token at the start, its refresh and expiry, and a limit per subject.
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Verifier } from '#platform/auth/verifier.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ANONYMOUS, type Caller, identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import type { TimerWheel, WheelTimer } from '#platform/graphql/live-server/timer-wheel.ts'

/** The session of a connection or stream. `caller` changes when the token is refreshed. */
export type LiveSession = {
  readonly requestId: string
  readonly language: string | undefined
  /** The positions that all of the caller's operations must see. */
  readonly required: PositionVector
  /** The headers of the request that were kept. */
  readonly headers: IncomingHttpHeaders
  readonly address?: string | undefined
  caller: Caller
}

type SessionRequest = {
  readonly authorization: string | undefined
  readonly address: string | undefined
  readonly language: string | undefined
  /** The consistency header. */
  readonly required: string | string[] | undefined
  readonly headers: IncomingHttpHeaders
  readonly requestId?: string
  /** Called once, when the token has expired. */
  readonly expired: () => void
}

/** Disposing makes room for another session of the subject. */
export type OpenSession = Disposable & {
  readonly session: LiveSession
  /** Replaces the token. Throws CallerError UNAUTHENTICATED if the new one is not of the same subject and role. */
  refresh(authorization: string): Promise<void>
}

export type LiveSessions = {
  /** Throws CallerError UNAUTHENTICATED, and RATE_LIMITED when the subject has as many sessions as it may. */
  open(arrival: SessionRequest): Promise<OpenSession>
}

type SessionLimits = {
  /** Without one everybody is anonymous, and tokens are ignored. */
  readonly verifier: Verifier | undefined
  readonly wheel: TimerWheel
  /** How many sockets and streams a subject may have (an address, for anonymous callers). */
  readonly connectionsPerSubject: number
}

export function createLiveSessions({
  verifier,
  wheel,
  connectionsPerSubject: max,
}: SessionLimits): LiveSessions {
  const counts = new Map<string, number>()

  const identify = async (authorization: string | undefined): Promise<Caller> =>
    verifier ? identifyCaller(verifier, authorization) : ANONYMOUS

  function acquire(subject: string): void {
    const count = counts.get(subject) ?? 0
    if (count >= max) throw new CallerError('RATE_LIMITED', `at most ${max} connections are allowed`)
    counts.set(subject, count + 1)
  }

  function release(subject: string): void {
    const left = (counts.get(subject) ?? 1) - 1
    if (left > 0) counts.set(subject, left)
    else counts.delete(subject)
  }

  return {
    async open({ authorization, address, language, required, headers, requestId = randomUUID(), expired }) {
      const caller = await identify(authorization)
      const countedAs = caller.verified?.viewer.subject ?? `address ${address}`
      acquire(countedAs)
      const session: LiveSession = {
        requestId,
        address,
        language,
        required: requiredPositions(caller, required),
        headers,
        caller,
      }
      let expiry = expireAt(wheel, caller, expired)
      let open = true
      return {
        session,
        async refresh(newer) {
          const next = await identify(newer)
          requireSameViewer(session.caller, next)
          if (!open) return
          wheel.cancel(expiry)
          session.caller = next
          expiry = expireAt(wheel, next, expired)
        },
        [Symbol.dispose]() {
          if (!open) return
          open = false
          wheel.cancel(expiry)
          release(countedAs)
        },
      }
    },
  }
}

function requireSameViewer({ verified: before }: Caller, { verified: after }: Caller): void {
  if (before?.viewer.subject !== after?.viewer.subject)
    throw new CallerError('UNAUTHENTICATED', 'the new token is for another subject')
  if (before?.viewer.role !== after?.viewer.role)
    throw new CallerError('UNAUTHENTICATED', 'the new token is for another role: connect again with it')
}

function expireAt(wheel: TimerWheel, { verified }: Caller, expired: () => void): WheelTimer | undefined {
  return verified && wheel.after(verified.expiresAt - Date.now(), expired)
}
