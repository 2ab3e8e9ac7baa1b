// Implements `npm run token`: prints an access token of the development issuer.
import process from 'node:process'
import { DEFAULT_TTL_SECONDS, MAX_TTL_SECONDS, type TokenRequest } from '#platform/auth/issuer.ts'
import { isRole, ROLES } from '#platform/auth/viewer.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'
import { describeInstance, findLocalInstance, issuerOf } from '#start/local-instance.ts'
import { type CommandInput, readInput, runCommand, usageError } from '#tools/command-line.ts'
import { token } from '#tools/commands.ts'

type Environment = Readonly<Record<string, string | undefined>>
type TokenOptions = CommandInput<typeof token.options>['values']

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const SUBJECT = /^[\w.:@-]{1,128}$/

/** Returns the token that `args` ask for. Throws OperatorError that says what to do instead. */
export async function developmentToken(args: readonly string[], env: Environment): Promise<string> {
  return sign(readInput(token, args).values, env, () => {})
}

/** Signs the token. `say` gets a line that names the instance that accepts it. */
async function sign(options: TokenOptions, env: Environment, say: (line: string) => void): Promise<string> {
  if (env.AUTH_JWKS_URL)
    throw new OperatorError(
      'EMBEDDED_ISSUER_OFF',
      'AUTH_JWKS_URL is set, so tokens come from that issuer: this tool only signs for the embedded one',
    )
  const request = readRequest(options)
  const instance = await findLocalInstance(env)
  const issuer = await issuerOf(instance)
  say(`This token is for ${describeInstance(instance)}.`)
  return issuer.sign(request)
}

function readRequest({ role, subject, ttl }: TokenOptions): TokenRequest {
  if (!isRole(role)) throw usageError(token, `--role should be one of ${ROLES.join(', ')}.`)
  if (subject === undefined || !SUBJECT.test(subject))
    throw usageError(
      token,
      '--subject should name whom the token is for: letters, digits and . : @ _ -, 128 at most.',
    )
  if (role === 'customer' && !isId('customer', subject))
    throw usageError(token, `a customer's --subject is a customer id (cus_ and a UUID), not ${subject}.`)
  return { role, subject, ttlSeconds: ttl === undefined ? DEFAULT_TTL_SECONDS : readTtl(ttl) }
}

/** `90`, `15m`, `12h` or `7d`; a bare number is seconds. */
function readTtl(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,7})([smhd])?$/.exec(text) ?? []
  const seconds = Number(count) * (UNITS[unit] ?? Number.NaN)
  if (!(seconds >= 1 && seconds <= MAX_TTL_SECONDS))
    throw usageError(token, `--ttl should be 1s to 7d, such as 15m or 12h, not ${text}.`)
  return seconds
}

if (import.meta.main)
  await runCommand(token, async ({ values }) => {
    console.log(await sign(values, process.env, line => console.error(line)))
  })
