// Signs development tokens with one Ed25519 key in a file; never used with a real issuer.
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import type { Role } from '#platform/auth/viewer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

export type TokenRequest = {
  readonly role: Role
  readonly subject: string
  /** Seconds; 12 hours when left out, at most 7 days. */
  readonly ttlSeconds?: number
}

export type EmbeddedIssuer = {
  readonly jwks: URL
  readonly issuer: string
  readonly audience: string
  sign(request: TokenRequest): Promise<string>
}

const EMBEDDED_ISSUER = 'waybill-development'
const EMBEDDED_AUDIENCE = 'waybill'
export const DEFAULT_TTL_SECONDS = 12 * 3600
export const MAX_TTL_SECONDS = 7 * 24 * 3600

const KEY_FILE = 'issuer-key.json'
const JWKS_FILE = 'jwks.json'
const ALGORITHM = 'EdDSA'

/** Opens the issuer of `directory`, with a new key when there is none. Several processes may do so at once. */
export async function openEmbeddedIssuer(directory: string): Promise<EmbeddedIssuer> {
  const existing = await findEmbeddedIssuer(directory)
  if (existing) return existing
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await createKey(directory)
  const created = await findEmbeddedIssuer(directory)
  if (!created) throw new OperatorError('ISSUER_KEY_UNUSABLE', `${path.join(directory, KEY_FILE)} has gone`)
  return created
}

/** Returns the issuer of `directory` if it has a key already. Throws OperatorError ISSUER_KEY_UNUSABLE when that is damaged. */
export async function findEmbeddedIssuer(directory: string): Promise<EmbeddedIssuer | undefined> {
  const file = path.join(path.resolve(directory), KEY_FILE)
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new OperatorError('ISSUER_KEY_UNUSABLE', `${file} cannot be read`, error)
  })
  if (text === undefined) return undefined
  const jwk = parseKey(text, file)
  const jwks = await publishKey(path.dirname(file), jwk)
  return createIssuer(jwk, jwks)
}

/** Signs a token with the issuer whose key lies beside `jwks`; returns undefined where tokens come from elsewhere. */
export async function sampleToken(jwks: URL, request: TokenRequest): Promise<string | undefined> {
  if (jwks.protocol !== 'file:') return undefined
  const issuer = await findEmbeddedIssuer(path.dirname(fileURLToPath(jwks)))
  return issuer?.sign(request)
}

async function createIssuer(jwk: JWK, jwks: URL): Promise<EmbeddedIssuer> {
  const key = await importJWK(jwk, ALGORITHM)
  const header = { alg: ALGORITHM, typ: 'JWT', kid: await calculateJwkThumbprint(jwk) }
  return {
    jwks,
    issuer: EMBEDDED_ISSUER,
    audience: EMBEDDED_AUDIENCE,
    sign: ({ role, subject, ttlSeconds = DEFAULT_TTL_SECONDS }) => {
      const issuedAt = Math.floor(Date.now() / 1000)
      return new SignJWT({ role })
        .setProtectedHeader(header)
        .setIssuer(EMBEDDED_ISSUER)
        .setAudience(EMBEDDED_AUDIENCE)
        .setSubject(subject)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + Math.min(ttlSeconds, MAX_TTL_SECONDS))
        .sign(key)
    },
  }
}

/** Writes a temporary file and links it in place: the first of several processes wins, the others use its key. */
async function createKey(directory: string): Promise<void> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  const file = path.join(directory, KEY_FILE)
  const partial = `${file}.${randomUUID()}`
  await writeFile(partial, JSON.stringify(await exportJWK(privateKey)), { mode: 0o600, flag: 'wx' })
  try {
    await link(partial, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(partial, { force: true })
  }
}

function parseKey(text: string, file: string): JWK {
  try {
    const parsed: unknown = JSON.parse(text)
    if (isPrivateKey(parsed)) return parsed
  } catch {
    // reported below
  }
  throw new OperatorError(
    'ISSUER_KEY_UNUSABLE',
    `${file} does not hold the issuer's key: remove it, and a new one is made (tokens of the old one stop working)`,
  )
}

function isPrivateKey(value: unknown): value is JWK {
  return isObject(value) && 'kty' in value && 'd' in value && 'x' in value
}

async function publishKey(directory: string, { d: _private, ...publicKey }: JWK): Promise<URL> {
  const file = path.join(directory, JWKS_FILE)
  const kid = await calculateJwkThumbprint(publicKey)
  const text = JSON.stringify({ keys: [{ ...publicKey, kid, alg: ALGORITHM, use: 'sig' }] })
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
    const partial = `${file}.${randomUUID()}`
    await writeFile(partial, text)
    await rename(partial, file)
  }
  return pathToFileURL(file)
}
