// Reads the environment into a validated, frozen configuration object.
import { z } from 'zod'
import { UNSPECIFIC_MESSAGE, validationMessage } from '#platform/config/validation-messages.ts'
import { OperatorError } from '#platform/domain/errors.ts'

/** The variables of a process: `process.env`, or a plain object in tests. */
export type Environment = Readonly<Record<string, string | undefined>>

const SECRET_NAME = /SECRET|TOKEN|PASSWORD|PASSPHRASE|CREDENTIAL|PRIVATE|(?:^|_)KEY(?:$|_)/i
const SECRET_PARAMETER = /([?&][^=&#]*(?:secret|token|password|passphrase|credential|key)[^=&#]*=)[^&#]+/gi
const MAX_SHOWN = 120

/**
 * Reads the variables that `schema` names. An empty variable counts as unset.
 * Throws OperatorError CONFIG_INVALID that lists every problem: the variable, what it holds (secrets masked) and what
 * it should hold, which is the schema field's `.describe()` text where there is one.
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: Environment,
): Readonly<z.infer<z.ZodObject<Shape>>> {
  const given = Object.fromEntries(
    Object.keys(schema.shape).flatMap(name => (env[name] ? [[name, env[name]]] : [])),
  )
  const parsed = schema.safeParse(given, { error: validationMessage })
  if (parsed.success) return Object.freeze(parsed.data)
  const problems = parsed.error.issues.map(issue => describeIssue(schema, issue, env))
  throw new OperatorError(
    'CONFIG_INVALID',
    `the configuration is not usable:\n${problems.map(problem => `  ${problem}`).join('\n')}`,
  )
}

function describeIssue(schema: z.ZodObject, issue: z.core.$ZodIssue, env: Environment): string {
  const name = String(issue.path[0] ?? '')
  if (!name) return issue.message
  return `${name}: ${holds(name, env[name])}; ${shouldHold(schema.shape[name], issue)}`
}

function holds(name: string, value: string | undefined): string {
  if (value === undefined) return 'is not set'
  if (value === '') return 'is empty'
  return `holds ${JSON.stringify(maskSecret(name, value).slice(0, MAX_SHOWN))}`
}

/** A check's own message comes first: it may be about more than the one variable. */
function shouldHold(field: unknown, issue: z.core.$ZodIssue): string {
  const description = descriptionOf(field)
  if (description === undefined || (issue.code === 'custom' && issue.message !== UNSPECIFIC_MESSAGE))
    return decapitalised(issue.message)
  return `should hold ${description}`
}

function descriptionOf(field: unknown): string | undefined {
  if (!(field instanceof z.ZodType)) return undefined
  if (field.description !== undefined) return field.description
  return field instanceof z.ZodDefault || field instanceof z.ZodOptional
    ? descriptionOf(field.unwrap())
    : undefined
}

function decapitalised(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}

/** Masks the whole value of a variable whose name says secret, and otherwise the password and the secret parameters of a URL. */
export function maskSecret(name: string, value: string): string {
  if (SECRET_NAME.test(name)) return '***'
  return value.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:/@]*):.*@/i, '$1:***@').replace(SECRET_PARAMETER, '$1***')
}

type MillisecondsRange = { readonly min: number; readonly max?: number; readonly otherwise: number }

/** Reads whole milliseconds, up to a day unless `max` says less. A variable that is not set counts as `otherwise`. */
export function milliseconds(what: string, { min, max = 86_400_000, otherwise }: MillisecondsRange) {
  const range = z.coerce.number().int().min(min).max(max)
  return range.default(otherwise).describe(`${what}, ${min} to ${max}`)
}

/** A TCP port; 0 asks the system for a free one. */
export const portNumber = z.coerce.number().int().min(0).max(65_535).describe('a port number, 0 to 65535')

/** The schema of a URL with one of `schemes`, as text: the adapter that it chooses parses it. */
export function urlWithScheme(...schemes: readonly [string, ...string[]]): z.ZodString {
  const example = schemes.map(scheme => `${scheme}://…`).join(' or ')
  return z
    .string()
    .refine(text => schemes.some(scheme => text.startsWith(`${scheme}://`)) && URL.canParse(text))
    .describe(`a URL such as ${example}`)
}

/** The schema of the URL of a Redis, or of those of a cluster. */
export const redisUrl = z
  .string()
  .refine(text => text.split(',').every(url => urlWithScheme('redis', 'rediss').safeParse(url).success))
  .describe('redis://… or rediss://…, several with commas between for a cluster')
