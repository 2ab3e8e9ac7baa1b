// A token to try a development copy with, of the embedded issuer when there is one. Free of HTTP.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findEmbeddedIssuer, type TokenRequest } from '#platform/auth/issuer.ts'

/** Signs for `request` with the issuer whose key lies beside `jwks`; undefined where tokens come from elsewhere. */
export async function sampleToken(jwks: URL, request: TokenRequest): Promise<string | undefined> {
  if (jwks.protocol !== 'file:') return undefined
  const issuer = await findEmbeddedIssuer(path.dirname(fileURLToPath(jwks)))
  return issuer?.sign(request)
}
