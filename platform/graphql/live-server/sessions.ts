// Who is on a live connection: the token at its start, its refresh, its end, and how many each subject may have.
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Verifier } from '#platform/auth/verifier.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ANONYMOUS, type Caller, identifyCaller, requiredPositions } from '#platform/graphql/caller.ts'
import type { TimerWheel, WheelTimer } from '#platform/graphql/live-server/timer-wheel.ts'

/** One per connection or stream that is let in. `caller` changes when the token is refreshed. */
export type LiveSession = {
  readonly requestId: string
  readonly language: string | undefined
  /** What the caller asks to see in all of its operations. */
  readonly required: PositionVector
  /** What was kept of the request's headers. */
  readonly headers: IncomingHttpHeaders
  /** Where it comes from. */
  readonly address?: string | undefined
  caller: Caller
}

export type SessionRequest = {
  readonly authorization: string | undefined
  readonly address: string | undefined
  readonly language: string | undefined
  /** Its consistency header. */
  readonly required: string | string[] | undefined
  readonly headers: IncomingHttpHeaders
  readonly requestId?: string
  /** Called once, when the token has expired. */
  readonly expired: () => void
}

/** Disposing gives its place to another one of the subject's. */
export type OpenSession = Disposable & {
  readonly session: LiveSession
  /** Goes on with a newer token. Throws CallerError UNAUTHENTICATED if it is not of the same subject and role. */
  refresh(authorization: string): Promise<void>
}

export type LiveSessions = {
  /** Throws CallerError UNAUTHENTICATED, and RATE_LIMITED when the subject has as many as it may. */
  open(arrival: SessionRequest): Promise<OpenSession>
}

export type SessionLimits = {
  /** Without one everybody is anonymous, and what they show is not looked at. */
  readonly verifier: Verifier | undefined
  readonly wheel: TimerWheel
  /** Sockets and streams together, of one subject (of one address, for anonymous callers). */
  readonly connectionsPerSubject: number
}

export function createLiveSessions({
  verifier,
  wheel,
  connectionsPerSubject: most,
}: SessionLimits): LiveSessions {
  const counts = new Map<string, number>()

  const identify = async (authorization: string | undefined): Promise<Caller> =>
    verifier ? identifyCaller(verifier, authorization) : ANONYMOUS

  function take(subject: string): void {
    const count = counts.get(subject) ?? 0
    if (count >= most) throw new CallerError('RATE_LIMITED', `at most ${most} connections are allowed`)
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
      take(countedAs)
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
          sameViewer(session.caller, next)
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

function sameViewer({ verified: before }: Caller, { verified: after }: Caller): void {
  if (before?.viewer.subject !== after?.viewer.subject)
    throw new CallerError('UNAUTHENTICATED', 'the new token is for another subject')
  if (before?.viewer.role !== after?.viewer.role)
    throw new CallerError('UNAUTHENTICATED', 'the new token is for another role: connect again with it')
}

function expireAt(wheel: TimerWheel, { verified }: Caller, expired: () => void): WheelTimer | undefined {
  return verified && wheel.after(verified.expiresAt - Date.now(), expired)
}
