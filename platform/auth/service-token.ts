// Provides the token that services show each other: signed by the embedded issuer, or mounted as a file; cached.
import { readFile } from 'node:fs/promises'
import { decodeJwt } from 'jose'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { OperatorError } from '#platform/domain/errors.ts'

type ServiceTokenSource =
  /** The embedded issuer's folder; `subject` is `service` when left out. */
  | { readonly directory: string; readonly subject?: string }
  /** A file that something else keeps fresh, such as a projected Kubernetes token. */
  | { readonly file: string }

const EMBEDDED_TTL_SECONDS = 3600
/** A token is replaced this long before it expires. */
const REPLACED_BEFORE_MS = 60_000
/** A mounted file is read again this often, whenever its token expires. */
const REREAD_AFTER_MS = 60_000

/** Returns the current token; concurrent callers share one refresh. Throws OperatorError SERVICE_TOKEN_UNUSABLE. */
export function createServiceToken(source: ServiceTokenSource): () => Promise<string> {
  let current: { readonly token: string; readonly until: number } | undefined
  let refreshing: Promise<string> | undefined

  async function refresh(): Promise<string> {
    const token = 'file' in source ? await mountedToken(source.file) : await embeddedToken(source)
    const expires = expiry(token)
    const until = 'file' in source ? Math.min(expires, Date.now() + REREAD_AFTER_MS) : expires
    current = { token, until }
    return token
  }

  return async () => {
    if (current !== undefined && Date.now() < current.until) return current.token
    refreshing ??= refresh().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }
}

async function embeddedToken(source: { directory: string; subject?: string }): Promise<string> {
  const issuer = await openEmbeddedIssuer(source.directory)
  return issuer.sign({
    role: 'service',
    subject: source.subject ?? 'service',
    ttlSeconds: EMBEDDED_TTL_SECONDS,
  })
}

async function mountedToken(file: string): Promise<string> {
  const token = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OperatorError('SERVICE_TOKEN_UNUSABLE', `the service token file ${file} cannot be read`, cause)
  })
  return token.trim()
}

/** Returns when to replace the token: a minute before it expires, or halfway where less than two minutes are left. */
function expiry(token: string): number {
  try {
    const { exp } = decodeJwt(token)
    if (exp === undefined) return Number.POSITIVE_INFINITY
    const left = exp * 1000 - Date.now()
    return Date.now() + Math.max(left - REPLACED_BEFORE_MS, left / 2)
  } catch (cause) {
    throw new OperatorError('SERVICE_TOKEN_UNUSABLE', 'the service token is not a JWT', cause)
  }
}
