// Checks the claims of a verified token before anybody relies on them.

export type ClaimSet = Readonly<Record<string, unknown>>

/** The longest subject, as OpenID Connect defines it (Core, 2). */
const MAX_SUBJECT = 255
/** The last second since the epoch that a date can hold. */
const LAST_SECOND = 8.64e12
/** Text without control and format characters, lone surrogates and line breaks. */
const PLAIN_TEXT = /^[^\p{C}\p{Zl}\p{Zp}]*$/u

/** Returns what is wrong with `sub`, in words for the caller; undefined when it is valid. */
export function subjectProblem(sub: unknown): string | undefined {
  if (typeof sub !== 'string') return `its subject is ${kindOf(sub)}; it should be a text`
  if (sub.length === 0 || sub.length > MAX_SUBJECT)
    return `its subject has ${sub.length} characters; it should have 1 to ${MAX_SUBJECT}`
  if (!PLAIN_TEXT.test(sub) || sub.trim() !== sub)
    return 'its subject should have no control characters, and no blanks around it'
  return undefined
}

/** Returns what is wrong with `exp`; undefined when it is valid. */
export function expiryProblem(exp: unknown): string | undefined {
  const isInstant = typeof exp === 'number' && exp >= 0 && exp <= LAST_SECOND
  return isInstant ? undefined : 'its expiry should be a time in seconds of the epoch'
}

/**
 * Returns what is wrong with a claim that holds names, such as scopes: it should be a text of names separated by blanks,
 * or a list of texts, without control characters. Undefined when it is valid, left out or null.
 */
export function namesProblem(claim: string, value: unknown): string | undefined {
  if (value === undefined || value === null || isName(value)) return undefined
  if (Array.isArray(value) && value.every(isName)) return undefined
  return `its claim ${claim} should be a text or a list of texts, without control characters`
}

/** Returns the claim `name`. Dots in a name lead into objects, unless a claim has that very name. */
export function claimNamed(claims: ClaimSet, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : name.split('.').reduce<unknown>(into, claims)
}

function into(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? Reflect.get(value, key)
    : undefined
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && PLAIN_TEXT.test(value)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
