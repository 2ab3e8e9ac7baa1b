// Identifies the caller of an HTTP request or a live connection by its bearer token.
import type { VerifiedToken, Verifier } from '#platform/auth/verifier.ts'
import { parseToken } from '#platform/consistency/consistency-token.ts'
import { NO_POSITIONS, type PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { headerText } from '#platform/http/header-text.ts'

/** `token` and `verified` are undefined for an anonymous caller. */
export type Caller = { readonly token: string | undefined; readonly verified: VerifiedToken | undefined }

export const ANONYMOUS: Caller = { token: undefined, verified: undefined }
const ANONYMOUS_CALLER = Promise.resolve(ANONYMOUS)
const BEARER = /^bearer +([^\s]+)$/i

/**
 * Returns the positions that a request must see, by its consistency header. They are honoured for signed-in callers
 * only, because a response may have to wait for them.
 */
export function requiredPositions(
  { verified }: Pick<Caller, 'verified'>,
  header: string | string[] | undefined,
): PositionVector {
  return verified === undefined ? NO_POSITIONS : parseToken(headerText(header))
}

/** A withdrawn key is noticed this much later on a connection that keeps sending the same token. */
const REMEMBERED_MS = 10_000

type Remembered = { readonly authorization: string; readonly caller: Caller; readonly until: number }

/** The last token of each connection, which most of its requests repeat: comparing it is cheaper than a digest. */
const remembered = new WeakMap<object, Remembered>()

/**
 * `connection`, when given, is the socket of the request. Rejects with CallerError UNAUTHENTICATED for an invalid token,
 * and for an authorization that is not a bearer token.
 */
export function identifyCaller(
  verifier: Verifier,
  authorization: string | undefined,
  connection?: object,
): Promise<Caller> {
  if (!authorization) return ANONYMOUS_CALLER
  if (connection === undefined) return identify(verifier, authorization)
  const known = rememberedCaller(authorization, connection)
  if (known !== undefined) return Promise.resolve(known)
  return identify(verifier, authorization).then(caller => {
    const lifetime = Math.min(REMEMBERED_MS, (caller.verified?.expiresAt ?? 0) - Date.now())
    const until = performance.now() + lifetime
    remembered.set(connection, { authorization, caller, until })
    return caller
  })
}

/** Returns the caller of a request whose connection sent the same token a moment ago, and of an anonymous one. */
export function rememberedCaller(authorization: string | undefined, connection: object): Caller | undefined {
  if (!authorization) return ANONYMOUS
  const last = remembered.get(connection)
  return last?.authorization === authorization && performance.now() < last.until ? last.caller : undefined
}

async function identify(verifier: Verifier, authorization: string): Promise<Caller> {
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined)
    throw new CallerError('UNAUTHENTICATED', 'the authorization is malformed: it should be "Bearer <token>"')
  return { token, verified: await verifier.verifyToken(token) }
}
