// Operations' texts on live connections: parsed and checked once per text, within the limits. Free of execution.
import {
  type ASTVisitor,
  BREAK,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  type ValidationContext,
  validate,
  visit,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { DEFAULT_LIMITS, limitRule, type OperationLimits } from '#platform/graphql/limits.ts'
import { noIntrospection } from '#platform/graphql/no-introspection.ts'
import { rootTypeRule } from '#platform/graphql/root-types.ts'

/** A text that may be run. `number` is its own: texts with equal numbers are equal. */
export type CheckedDocument = {
  readonly number: number
  readonly document: DocumentNode
  /** The variable `after` is used for nothing but where a subscription begins. */
  readonly afterIsBeginning: boolean
}

export type Checked = CheckedDocument | { readonly errors: readonly GraphQLError[] }

export type DocumentCheck = {
  readonly schema: GraphQLSchema
  readonly development: boolean
  readonly limits?: Partial<OperationLimits>
}

const MAX_DOCUMENTS = 1000

/** Errors of the check are the caller's: BAD_USER_INPUT. */
export function createDocumentCheck({
  schema,
  development,
  limits,
}: DocumentCheck): (text: string) => Checked {
  const known = new LRUCache<string, Checked>({ max: MAX_DOCUMENTS })
  const all = { ...DEFAULT_LIMITS, ...limits }
  const rules = [...specifiedRules, limitRule(all), rootTypeRule, ...(development ? [] : [noIntrospection])]
  let number = 0
  return text => {
    const found = known.get(text)
    if (found) return found
    const checked = checkText(text, { schema, rules, limits: all, number: ++number })
    known.set(text, checked)
    return checked
  }
}

/** The operation to run, or what is wrong about its name. */
export function operationOf(
  { document }: CheckedDocument,
  name: string | undefined,
): OperationDefinitionNode | GraphQLError {
  const found = getOperationAST(document, name)
  if (found) return found
  const message =
    name === undefined
      ? 'The document has several operations: say which by operationName.'
      : `The document has no operation "${name.slice(0, 100)}".`
  return invalid(new GraphQLError(message))
}

type Rules = {
  readonly schema: GraphQLSchema
  readonly rules: readonly ((context: ValidationContext) => ASTVisitor)[]
  readonly limits: OperationLimits
  readonly number: number
}

function checkText(text: string, { schema, rules, limits, number }: Rules): Checked {
  try {
    const document = parse(text, { maxTokens: limits.tokens })
    const errors = validate(schema, document, rules)
    if (errors.length > 0) return { errors: errors.map(invalid) }
    return { number, document, afterIsBeginning: usesAfterOnlyToBegin(document) }
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [invalid(error)] }
    throw error
  }
}

function invalid(error: GraphQLError): GraphQLError {
  return new GraphQLError(error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    extensions: { code: 'BAD_USER_INPUT' },
  })
}

/** `$after` stands as the argument `after` of a subscription's own field, and nowhere else. */
function usesAfterOnlyToBegin(document: DocumentNode): boolean {
  const beginnings = new Set<object>()
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== 'subscription') continue
    for (const field of definition.selectionSet.selections)
      if (field.kind === Kind.FIELD)
        for (const { name, value } of field.arguments ?? []) if (name.value === 'after') beginnings.add(value)
  }
  let only = true
  visit(document, {
    VariableDefinition: () => false,
    Variable(variable) {
      if (variable.name.value !== 'after' || beginnings.has(variable)) return undefined
      only = false
      return BREAK
    },
  })
  return only
}
