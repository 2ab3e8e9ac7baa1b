// Prints a development token of the embedded issuer: npm run token -- --role customer --subject cus_…
import path from 'node:path'
import { parseArgs } from 'node:util'
import {
  DEFAULT_TTL_SECONDS,
  findEmbeddedIssuer,
  MAX_TTL_SECONDS,
  type TokenRequest,
} from '#platform/auth/issuer.ts'
import { isRole, ROLES } from '#platform/auth/viewer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'

type Environment = Readonly<Record<string, string | undefined>>

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const SUBJECT = /^[\w.:@-]{1,128}$/
const USAGE = `npm run token -- --role ${ROLES.join('|')} --subject <cus_… or a name> [--ttl 12h]`

/** The token that `args` ask for. Throws OperatorError with a sentence that says what to do instead. */
export async function developmentToken(args: readonly string[], env: Environment): Promise<string> {
  if (env.AUTH_JWKS_URL)
    throw refuse(
      'EMBEDDED_ISSUER_OFF',
      'AUTH_JWKS_URL is set, so tokens come from that issuer: this tool only signs for the embedded one',
    )
  const request = readRequest(args)
  const directory = path.join(env.DATA_DIR || '.data', 'auth')
  const issuer = await findEmbeddedIssuer(directory)
  if (!issuer)
    throw refuse(
      'NO_ISSUER_KEY',
      `there is no key in ${directory} yet: run \`npm start\` first, it makes one`,
    )
  return issuer.sign(request)
}

function readRequest(args: readonly string[]): TokenRequest {
  const { role, subject, ttl } = parseOptions(args)
  if (!isRole(role)) throw refuse('BAD_ARGUMENTS', `--role should be one of ${ROLES.join(', ')}\n${USAGE}`)
  if (subject === undefined || !SUBJECT.test(subject))
    throw refuse('BAD_ARGUMENTS', `--subject should name whom the token is for\n${USAGE}`)
  if (role === 'customer' && !isId('customer', subject))
    throw refuse('BAD_ARGUMENTS', `a customer's --subject is a customer id (cus_ and a UUID), not ${subject}`)
  return { role, subject, ttlSeconds: ttl === undefined ? DEFAULT_TTL_SECONDS : readTtl(ttl) }
}

function parseOptions(args: readonly string[]): { role?: string; subject?: string; ttl?: string } {
  const option = { type: 'string' } as const
  try {
    return parseArgs({ args: [...args], options: { role: option, subject: option, ttl: option } }).values
  } catch (cause) {
    throw refuse('BAD_ARGUMENTS', `${cause instanceof Error ? cause.message : String(cause)}\n${USAGE}`)
  }
}

/** `90`, `15m`, `12h` or `7d`; a bare number is seconds. */
function readTtl(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,7})([smhd])?$/.exec(text) ?? []
  const seconds = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (!(seconds >= 1 && seconds <= MAX_TTL_SECONDS))
    throw refuse('BAD_ARGUMENTS', `--ttl should be 1s to 7d, such as 15m or 12h, not ${text}`)
  return seconds
}

function refuse(code: string, message: string): OperatorError {
  return new OperatorError(code, message)
}

if (import.meta.main) {
  try {
    console.log(await developmentToken(process.argv.slice(2), process.env))
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
