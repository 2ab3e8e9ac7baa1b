// What the claims of a verified token must look like before anybody acts on them. Pure.

export type ClaimSet = Readonly<Record<string, unknown>>

/** Characters of a subject, as OpenID Connect bounds it (Core, 2). */
const MAX_SUBJECT = 255
/** Seconds of the epoch that a date can still hold. */
const LAST_SECOND = 8.64e12
/** Neither control nor format characters, halves of surrogates, or breaks of lines. */
const PLAIN_TEXT = /^[^\p{C}\p{Zl}\p{Zp}]*$/u

/** What is wrong with `sub`, in words for its caller; undefined when it may stand for somebody. */
export function subjectProblem(sub: unknown): string | undefined {
  if (typeof sub !== 'string') return `its subject is ${kindOf(sub)}; it should be a text`
  if (sub.length === 0 || sub.length > MAX_SUBJECT)
    return `its subject has ${sub.length} characters; it should have 1 to ${MAX_SUBJECT}`
  if (!PLAIN_TEXT.test(sub) || sub.trim() !== sub)
    return 'its subject should have no control characters, and no blanks around it'
  return undefined
}

/** What is wrong with `exp`; undefined for an instant that there is. */
export function expiryProblem(exp: unknown): string | undefined {
  const isInstant = typeof exp === 'number' && exp >= 0 && exp <= LAST_SECOND
  return isInstant ? undefined : 'its expiry should be a time in seconds of the epoch'
}

/**
 * What is wrong with a claim that holds names, such as scopes: it should be a text of names with blanks between them, or
 * a list of texts, without control characters. Undefined when nothing is wrong, and when it is left out or null.
 */
export function namesProblem(claim: string, value: unknown): string | undefined {
  if (value === undefined || value === null || isName(value)) return undefined
  if (Array.isArray(value) && value.every(isName)) return undefined
  return `its claim ${claim} should be a text or a list of texts, without control characters`
}

/** Dots in the name of a claim lead into objects, unless a claim has that very name. */
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
