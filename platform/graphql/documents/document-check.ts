// Checks an operation's text: it is parsed, limited, and validated against the schema. Errors are few and short.
import {
  type ASTNode,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoFragmentCyclesRule,
  NoUnusedFragmentsRule,
  parse,
  Source,
  specifiedRules,
  UniqueFragmentNamesRule,
  type ValidationRule,
  validate,
  visit,
} from 'graphql'
import { shortenMessage } from '#platform/domain/errors.ts'
import { introspectionError } from '#platform/graphql/documents/introspection-cost.ts'
import {
  type DocumentSize,
  measureDocument,
  type OperationLimits,
} from '#platform/graphql/documents/limits.ts'
import { noIntrospection, rootTypeRule } from '#platform/graphql/documents/validation-rules.ts'
import { deferRule } from '#platform/graphql/incremental/defer-directive.ts'

/** The document of a long text has no locations: each error of a field would have to search for its line. */
export type DocumentCheckResult =
  | { readonly document: DocumentNode; readonly size: DocumentSize }
  | { readonly errors: readonly GraphQLError[] }

export type DocumentRules = {
  readonly schema: GraphQLSchema
  readonly limits: OperationLimits
  /** When true, introspection is allowed, and errors suggest names out of the schema. */
  readonly introspection: boolean
}

/**
 * These rules run before the others: the limits count what operations reach, while other rules look at every fragment,
 * also at those that are unused, that share a name or that contain each other.
 */
const FRAGMENT_RULES: readonly ValidationRule[] = [
  UniqueFragmentNamesRule,
  NoUnusedFragmentsRule,
  NoFragmentCyclesRule,
]
/** Validation stops after this many errors; one more error says so. */
const MAX_ERRORS = 5
/** How many locations an error names. */
const MAX_LOCATIONS = 3
/** Finding the line of an error scans the text before it, once per error. */
const MAX_LINES = 200
/** The parser recurses as deep as the document, until the stack overflows: before anything counts levels. */
const TOO_DEEP = 'The document is nested too deeply.'

/** The errors are the caller's: BAD_USER_INPUT. `tokens` limits the text where it is less than the limit. */
export function createDocumentCheck({
  schema,
  limits,
  introspection,
}: DocumentRules): (text: string, tokens?: number) => DocumentCheckResult {
  const otherRules = specifiedRules.filter(rule => !FRAGMENT_RULES.includes(rule))
  const rules = [...otherRules, rootTypeRule, deferRule, ...(introspection ? [] : [noIntrospection])]
  const options = { maxErrors: MAX_ERRORS, hideSuggestions: !introspection }

  function check(text: string, maxTokens: number): DocumentCheckResult {
    const document = parse(text, { maxTokens, noLocation: hasManyLines(text) })
    const { size, errors } = measureDocument(document, limits)
    if (errors.length > 0) return { errors: locate(errors, document, text) }
    const invalidFragments = validate(schema, document, FRAGMENT_RULES, options)
    if (invalidFragments.length > 0) return { errors: locate(invalidFragments, document, text) }
    const invalid = validate(schema, document, rules, options)
    if (invalid.length > 0) return { errors: locate(invalid, document, text) }
    const tooCostly = introspection ? introspectionError(schema, document) : undefined
    return tooCostly ? { errors: locate([tooCostly], document, text) } : { document, size }
  }

  return (text, tokens = limits.tokens) => {
    try {
      return check(text, Math.min(tokens, limits.tokens))
    } catch (error) {
      if (error instanceof RangeError) return { errors: [toInputError(new GraphQLError(TOO_DEEP))] }
      if (error instanceof GraphQLError) return { errors: [toInputError(error)] }
      throw error
    }
  }
}

function toInputError(error: GraphQLError, positions: readonly number[] = []): GraphQLError {
  const { source = null } = error
  return new GraphQLError(shortenMessage(error.message), {
    source,
    positions: error.positions ?? positions,
    extensions: { ...error.extensions, code: 'BAD_USER_INPUT' },
  })
}

function hasManyLines(text: string): boolean {
  let lines = 1
  for (const _break of text.matchAll(/\r\n|\n|\r/g)) if (++lines > MAX_LINES) return true
  return false
}

/** Gives each error its first few locations, for which a text of many lines is parsed once more. */
function locate(errors: readonly GraphQLError[], document: DocumentNode, text: string): GraphQLError[] {
  const source = new Source(text)
  const wanted = new Map<ASTNode, number>()
  const nodesOf = ({ nodes = [] }: GraphQLError) => nodes.slice(0, MAX_LOCATIONS)
  for (const node of errors.flatMap(nodesOf)) wanted.set(node, 0)
  for (const node of wanted.keys()) wanted.set(node, node.loc?.start ?? 0)
  if (wanted.size > 0 && document.loc === undefined) findStarts(wanted, document, parse(source))
  return errors.map(error => {
    const positions = nodesOf(error).flatMap(node => wanted.get(node) ?? [])
    const place = positions.length > 0 ? { source, positions } : {}
    return new GraphQLError(shortenMessage(error.message), {
      ...place,
      extensions: { ...error.extensions, code: 'BAD_USER_INPUT' },
    })
  })
}

/** Both documents have the same text: their nodes come in the same order. */
function findStarts(wanted: Map<ASTNode, number>, document: DocumentNode, located: DocumentNode): void {
  const starts: number[] = []
  visit(located, { enter: node => void starts.push(node.loc?.start ?? 0) })
  let index = 0
  visit(document, {
    enter(node) {
      const start = starts[index++]
      if (start !== undefined && wanted.has(node)) wanted.set(node, start)
    },
  })
}
