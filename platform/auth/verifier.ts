// Verifies bearer tokens (JWT) against a key set (JWKS) and returns whom they stand for.
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { LRUCache } from 'lru-cache'
import {
  type ClaimSet,
  claimNamed,
  expiryProblem,
  namesProblem,
  subjectProblem,
} from '#platform/auth/claims.ts'
import { isRole, type Viewer } from '#platform/auth/viewer.ts'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

export type VerifierOptions = {
  /** `file:` or `http(s):`; the key set is read again for an unknown key, at most every few seconds. */
  readonly jwks: URL
  readonly issuer: string
  readonly audience: string
  /**
   * With `known`, the default, a token without one of our roles is refused; with `any` it stands for a customer, who may
   * do the least.
   */
  readonly roles?: 'known' | 'any'
  /** Claims that hold names, such as scopes. A token with a malformed one is refused. */
  readonly nameClaims?: readonly string[]
  readonly now?: () => Date
}

export type VerifiedToken = {
  readonly viewer: Viewer
  /** The time is in milliseconds since the epoch. */
  readonly expiresAt: number
  /** All claims of the token. */
  readonly claims: ClaimSet
}

export type Verifier = {
  /** Returns whom the token stands for. Throws CallerError UNAUTHENTICATED that says why: expired, foreign, malformed. */
  verify(token: string): Promise<Viewer>
  /** Returns the token's expiry as well, for connections that outlive a request. */
  verifyToken(token: string): Promise<VerifiedToken>
}

const ALGORITHMS = ['EdDSA', 'Ed25519', 'ES256', 'ES384', 'RS256', 'PS256']
const CLOCK_TOLERANCE_SECONDS = 5
const MAX_REMEMBERED = 20_000
/** A withdrawn key is noticed within this time. */
const REMEMBERED_MS = 5 * 60_000
const MAX_TOKEN_LENGTH = 8192
const REREAD_AFTER_MS = 2000

export function createVerifier(options: VerifierOptions): Verifier {
  const now = options.now ?? (() => new Date())
  const keys = keySource(options.jwks)
  const remembered = new LRUCache<string, VerifiedToken>({ max: MAX_REMEMBERED, ttl: REMEMBERED_MS })

  async function verifyToken(token: string): Promise<VerifiedToken> {
    if (token.length > MAX_TOKEN_LENGTH) throw malformed(`it is longer than ${MAX_TOKEN_LENGTH} characters`)
    const digest = hash('sha256', token, 'base64')
    const known = remembered.get(digest)
    if (known !== undefined && known.expiresAt > now().getTime()) return known
    const verified = await checkToken(token, options, { keys, currentDate: now() })
    remembered.set(digest, verified)
    return verified
  }

  return { verifyToken, verify: async token => (await verifyToken(token)).viewer }
}

async function checkToken(
  token: string,
  { issuer, audience, roles = 'known', nameClaims = [] }: VerifierOptions,
  { keys, currentDate }: { readonly keys: JWTVerifyGetKey; readonly currentDate: Date },
): Promise<VerifiedToken> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      currentDate,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: roles === 'known' ? ['exp', 'sub', 'role'] : ['exp', 'sub'],
    })
    const { sub, exp } = payload
    const problem = claimsProblem(payload, nameClaims)
    if (problem !== undefined || sub === undefined || exp === undefined)
      throw malformed(problem ?? 'it has no subject or no end')
    const role = isRole(payload.role) || roles === 'known' ? payload.role : 'customer'
    if (!isRole(role)) throw malformed('its role is not one that is known')
    return { viewer: { subject: sub, role }, expiresAt: exp * 1000, claims: payload }
  } catch (error) {
    throw explain(error)
  }
}

/** Checks the claims at run time: their types say what a token should have, but an issuer may sign anything. */
function claimsProblem(payload: JWTPayload, nameClaims: readonly string[]): string | undefined {
  return (
    subjectProblem(payload.sub) ??
    expiryProblem(payload.exp) ??
    nameClaims.map(name => namesProblem(name, claimNamed(payload, name))).find(text => text !== undefined)
  )
}

function explain(error: unknown): unknown {
  if (error instanceof CallerError || error instanceof OperatorError) return error
  if (error instanceof errors.JWTExpired) return unauthenticated('the token has expired', error)
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(`the token is foreign: its ${error.claim} is not what this service expects`, error)
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey)
    return unauthenticated('the token is foreign: it is not signed by the issuer', error)
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid)
    return keysUnavailable(error)
  if (error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC')
    return unauthenticated('the token is malformed', error)
  return keysUnavailable(error)
}

function malformed(why: string): CallerError {
  return unauthenticated(`the token is malformed: ${why}`)
}

function unauthenticated(message: string, cause?: unknown): CallerError {
  return new CallerError('UNAUTHENTICATED', message, {}, cause)
}

function keysUnavailable(cause: unknown): CallerError {
  return new CallerError(
    'UNAVAILABLE',
    'tokens cannot be checked now: the key set is out of reach',
    {},
    cause,
  )
}

function keySource(jwks: URL): JWTVerifyGetKey {
  if (jwks.protocol === 'file:') return fileKeys(jwks)
  return createRemoteJWKSet(jwks, { timeoutDuration: 3000, cooldownDuration: REREAD_AFTER_MS })
}

/** Reads the file at first use, and again when a token names a key that it did not hold. */
function fileKeys(file: URL): JWTVerifyGetKey {
  let current: { readonly keys: ReturnType<typeof createLocalJWKSet>; readonly readAt: number } | undefined
  const read = async () => {
    current = { keys: createLocalJWKSet(await readKeySet(file)), readAt: performance.now() }
    return current
  }
  return async (header, input) => {
    const before = current ?? (await read())
    try {
      return await before.keys(header, input)
    } catch (error) {
      const tooSoon = performance.now() - before.readAt < REREAD_AFTER_MS
      if (!(error instanceof errors.JWKSNoMatchingKey) || tooSoon) throw error
      return (await read()).keys(header, input)
    }
  }
}

async function readKeySet(file: URL): Promise<JSONWebKeySet> {
  const parsed: unknown = JSON.parse(await readFile(file, 'utf8'))
  if (!isKeySet(parsed)) throw new errors.JWKSInvalid(`${file.pathname} is not a JSON Web Key Set`)
  return parsed
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return isObject(value) && Array.isArray(value.keys)
}
