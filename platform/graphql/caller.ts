// Who sent a request: the bearer token of a header, checked. Shared by HTTP and live connections; free of both.
import type { VerifiedToken, Verifier } from '#platform/auth/verifier.ts'
import { CallerError } from '#platform/domain/errors.ts'

/** `token` and `verified` are undefined for a caller that shows no token. */
export type Caller = { readonly token: string | undefined; readonly verified: VerifiedToken | undefined }

export const ANONYMOUS: Caller = { token: undefined, verified: undefined }
const BEARER = /^bearer +([^\s]+)$/i

/** Throws CallerError UNAUTHENTICATED for a token that does not hold, and for an authorization that is not a bearer token. */
export async function identifyCaller(verifier: Verifier, authorization: string | undefined): Promise<Caller> {
  if (!authorization) return ANONYMOUS
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined)
    throw new CallerError('UNAUTHENTICATED', 'the authorization is malformed: it should be "Bearer <token>"')
  return { token, verified: await verifier.verifyToken(token) }
}
