// Says in our own words why a value does not fit its schema: the messages of zod are written for programmers.
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

/** What is said when a check has no message of its own. */
export const UNSPECIFIC_MESSAGE = 'is not usable'

/** For `safeParse(value, { error: validationMessage })`: a phrase that goes on after the name of what is wrong. */
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

/** All problems in one line, each with its place in the value, which lies at `place`. */
export function problemsInOneLine({ issues }: z.ZodError, place: readonly string[] = []): string {
  return issues
    .map(({ path, message }) => [[...place, ...path].join('.'), message].filter(Boolean).join(': '))
    .join('; ')
}

/** A line for each problem: where in the value it is, and what is wrong there. */
export function problemsByLine({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `  ${path.join('.') || 'the file'}: ${message}`).join('\n')
}
