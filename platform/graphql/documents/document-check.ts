// Makes a document of an operation's text: within the limits first, valid by the schema then. Its errors are few and short. Free of transport.
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
import { introspectionError } from '#platform/graphql/documents/introspection-cost.ts'
import {
  type DocumentSize,
  measureDocument,
  type OperationLimits,
} from '#platform/graphql/documents/limits.ts'
import { rootTypeRule } from '#platform/graphql/documents/root-types.ts'
import { noIntrospection } from '#platform/graphql/documents/validation-rules.ts'
import { shortened } from '#platform/graphql/short-text.ts'

/** The document of a long text knows no places in it: each error of a field would have to look for its line. */
export type DocumentCheckResult =
  | { readonly document: DocumentNode; readonly size: DocumentSize }
  | { readonly errors: readonly GraphQLError[] }

export type DocumentRules = {
  readonly schema: GraphQLSchema
  readonly limits: OperationLimits
  /** Whether the schema may be asked for, and whether errors suggest names out of it. */
  readonly introspection: boolean
}

/**
 * Checked before the others: the limits count what operations reach, while other rules look at every fragment there is,
 * also at those that nothing uses, that share a name or that contain each other.
 */
const FRAGMENT_RULES: readonly ValidationRule[] = [
  UniqueFragmentNamesRule,
  NoUnusedFragmentsRule,
  NoFragmentCyclesRule,
]
/** Validation stops there; one more error says so. */
const MAX_ERRORS = 5
/** One error names no more places than these. */
const MAX_PLACES = 3
/** To find the line of an error passes over all that stands before it, as often as there are errors. */
const MAX_LINES = 200
/** The parser's calls go as deep as the document, until the stack is full: before anything counts levels. */
const TOO_DEEP = 'The document is nested too deeply.'

/** Errors are the caller's: BAD_USER_INPUT. `tokens` is how many it may have, where that is less than the limit. */
export function createDocumentCheck({
  schema,
  limits,
  introspection,
}: DocumentRules): (text: string, tokens?: number) => DocumentCheckResult {
  const otherRules = specifiedRules.filter(rule => !FRAGMENT_RULES.includes(rule))
  const rules = [...otherRules, rootTypeRule, ...(introspection ? [] : [noIntrospection])]
  const options = { maxErrors: MAX_ERRORS, hideSuggestions: !introspection }

  function check(text: string, maxTokens: number): DocumentCheckResult {
    const document = parse(text, { maxTokens, noLocation: hasManyLines(text) })
    const { size, errors } = measureDocument(document, limits)
    if (errors.length > 0) return { errors: located(errors, document, text) }
    const unmeasured = validate(schema, document, FRAGMENT_RULES, options)
    if (unmeasured.length > 0) return { errors: located(unmeasured, document, text) }
    const invalid = validate(schema, document, rules, options)
    if (invalid.length > 0) return { errors: located(invalid, document, text) }
    const tooMuch = introspection ? introspectionError(schema, document) : undefined
    return tooMuch ? { errors: located([tooMuch], document, text) } : { document, size }
  }

  return (text, tokens = limits.tokens) => {
    try {
      return check(text, Math.min(tokens, limits.tokens))
    } catch (error) {
      if (error instanceof RangeError) return { errors: [callersFault(new GraphQLError(TOO_DEEP))] }
      if (error instanceof GraphQLError) return { errors: [callersFault(error)] }
      throw error
    }
  }
}

function callersFault(error: GraphQLError, positions: readonly number[] = []): GraphQLError {
  const { source = null } = error
  return new GraphQLError(shortened(error.message), {
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

/** Each error gets the first few of its places, for which a text of many lines is parsed once more. */
function located(errors: readonly GraphQLError[], document: DocumentNode, text: string): GraphQLError[] {
  const source = new Source(text)
  const wanted = new Map<ASTNode, number>()
  const nodesOf = ({ nodes = [] }: GraphQLError) => nodes.slice(0, MAX_PLACES)
  for (const node of errors.flatMap(nodesOf)) wanted.set(node, 0)
  for (const node of wanted.keys()) wanted.set(node, node.loc?.start ?? 0)
  if (wanted.size > 0 && document.loc === undefined) findStarts(wanted, document, parse(source))
  return errors.map(error => {
    const positions = nodesOf(error).flatMap(node => wanted.get(node) ?? [])
    const place = positions.length > 0 ? { source, positions } : {}
    return new GraphQLError(shortened(error.message), {
      ...place,
      extensions: { ...error.extensions, code: 'BAD_USER_INPUT' },
    })
  })
}

/** Both documents are of one text: their nodes come in one order. */
function findStarts(wanted: Map<ASTNode, number>, document: DocumentNode, placed: DocumentNode): void {
  const starts: number[] = []
  visit(placed, { enter: node => void starts.push(node.loc?.start ?? 0) })
  let index = 0
  visit(document, {
    enter(node) {
      const start = starts[index++]
      if (start !== undefined && wanted.has(node)) wanted.set(node, start)
    },
  })
}
