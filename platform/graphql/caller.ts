// Who sent a request: the bearer token of a header, checked. Shared by HTTP and live connections; free of both.
import type { VerifiedToken, Verifier } from '#platform/auth/verifier.ts'
import { parseToken } from '#platform/consistency/consistency-token.ts'
import { NO_POSITIONS, type PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { headerText } from '#platform/http/header-text.ts'

/** `token` and `verified` are undefined for a caller that shows no token. */
export type Caller = { readonly token: string | undefined; readonly verified: VerifiedToken | undefined }

export const ANONYMOUS: Caller = { token: undefined, verified: undefined }
const NOBODY = Promise.resolve(ANONYMOUS)
const BEARER = /^bearer +([^\s]+)$/i

/**
 * The positions that a request must see, by its consistency header. An answer may wait for them, so that they are honoured
 * for signed-in callers only.
 */
export function requiredPositions(
  { verified }: Pick<Caller, 'verified'>,
  header: string | string[] | undefined,
): PositionVector {
  return verified === undefined ? NO_POSITIONS : parseToken(headerText(header))
}

/** A withdrawn key is noticed that much later on a connection that goes on showing the same token. */
const SHOWN_MS = 10_000

type Shown = { readonly authorization: string; readonly caller: Promise<Caller>; readonly until: number }

/** Of each connection what it showed last, which is what it mostly shows next: a comparison, where a digest would be due. */
const shown = new WeakMap<object, Shown>()

/**
 * `connection`, when given, is the socket of the request. Rejects with CallerError UNAUTHENTICATED for a token that does
 * not hold, and for an authorization that is not a bearer token.
 */
export function identifyCaller(
  verifier: Verifier,
  authorization: string | undefined,
  connection?: object,
): Promise<Caller> {
  if (!authorization) return NOBODY
  if (connection === undefined) return identify(verifier, authorization)
  const last = shown.get(connection)
  if (last?.authorization === authorization && performance.now() < last.until) return last.caller
  return identify(verifier, authorization).then(caller => {
    const lasts = Math.min(SHOWN_MS, (caller.verified?.expiresAt ?? 0) - Date.now())
    const until = performance.now() + lasts
    shown.set(connection, { authorization, caller: Promise.resolve(caller), until })
    return caller
  })
}

async function identify(verifier: Verifier, authorization: string): Promise<Caller> {
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined)
    throw new CallerError('UNAUTHENTICATED', 'the authorization is malformed: it should be "Bearer <token>"')
  return { token, verified: await verifier.verifyToken(token) }
}
