// Validation messages for operators, in place of zod's, which are written for programmers.
import type { z } from 'zod'

type Issue = Parameters<z.core.$ZodErrorMap>[0]

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  null: 'null',
}
const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries', set: ' entries' }
const FORMATS: Readonly<Record<string, string>> = {
  url: 'a URL such as https://example.org/path',
  datetime: 'an instant of ISO 8601 such as 2026-01-31T12:00:00Z',
  regex: 'of another form',
}

/** The message of a check that has none of its own. */
export const UNSPECIFIC_MESSAGE = 'is not usable'

/** For `safeParse(value, { error: validationMessage })`: returns a phrase that follows the name of the value. */
export function validationMessage(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `should be ${KINDS[issue.expected] ?? issue.expected}`
    case 'too_small':
      return `should be ${bound(issue, issue.inclusive ? 'at least' : 'more than', issue.minimum)}`
    case 'too_big':
      return `should be ${bound(issue, issue.inclusive ? 'at most' : 'less than', issue.maximum)}`
    case 'invalid_value':
      return `should be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(value => JSON.stringify(value)).join(', ')}`
    case 'invalid_format':
      return `should be ${FORMATS[issue.format] ?? issue.format}`
    case 'unrecognized_keys':
      return `has no setting called ${issue.keys.map(key => JSON.stringify(key)).join(', ')}`
    case 'not_multiple_of':
      return `should be a multiple of ${issue.divisor}`
    default:
      return UNSPECIFIC_MESSAGE
  }
}

function bound({ origin }: { readonly origin: string }, comparison: string, limit: number | bigint): string {
  return `${comparison} ${limit}${UNITS[origin] ?? ''}`
}

/** Returns all problems in one line, each with its path within the value, which is at `place`. */
export function problemsInOneLine({ issues }: z.ZodError, place: readonly string[] = []): string {
  return issues
    .map(({ path, message }) => [[...place, ...path].join('.'), message].filter(Boolean).join(': '))
    .join('; ')
}

/** Returns a line for each problem: its path within the value, and what is wrong there. */
export function problemsByLine({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `  ${path.join('.') || 'the file'}: ${message}`).join('\n')
}
