// Checks the operations of live connections: their texts are parsed and validated once, within the limits.
import {
  BREAK,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql'
import { createDocumentCache } from '#platform/graphql/documents/document-cache.ts'
import { DEFAULT_LIMITS, type OperationLimits } from '#platform/graphql/documents/limits.ts'
import { variablesProblem } from '#platform/graphql/documents/variable-values.ts'
import { withoutDefer } from '#platform/graphql/incremental/defer-directive.ts'
import type { GraphqlRequest } from '#platform/graphql/live-server/graphql-request.ts'

/** A document that may be run. Documents with equal numbers have equal texts. */
export type CheckedDocument = {
  readonly number: number
  readonly document: DocumentNode
  /** True when the variable `after` decides nothing but where a subscription starts. */
  readonly usesAfterOnlyToStart: boolean
}

type OperationCheckResult = CheckedDocument | { readonly errors: readonly GraphQLError[] }

type OperationCheckOptions = {
  readonly schema: GraphQLSchema
  readonly development: boolean
  readonly limits?: Partial<OperationLimits>
}

/** The errors that the check returns are the caller's: BAD_USER_INPUT. */
export function createOperationCheck({
  schema,
  development,
  limits,
}: OperationCheckOptions): (request: GraphqlRequest, text: string) => Promise<OperationCheckResult> {
  const all = { ...DEFAULT_LIMITS, ...limits }
  const documents = createDocumentCache({ schema, limits: all, introspection: development })
  const known = new WeakMap<DocumentNode, CheckedDocument>()
  let number = 0
  return async ({ variables }, text) => {
    const problem = variablesProblem(variables, all.values)
    if (problem !== undefined) return { errors: [invalid(problem)] }
    const checked = await documents(text)
    if ('errors' in checked) return checked
    const document = withoutDefer(checked.document) // a live connection has no way to say that it accepts parts
    const found = known.get(document)
    if (found) return found
    const made = { number: ++number, document, usesAfterOnlyToStart: usesAfterOnlyToStart(document) }
    known.set(document, made)
    return made
  }
}

/** Returns the operation to run, or the error about its name. */
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
  return invalid(message)
}

function invalid(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })
}

/** Returns whether `$after` is used only as the argument `after` of a subscription's root field. */
function usesAfterOnlyToStart(document: DocumentNode): boolean {
  const starts = new Set<object>()
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION || definition.operation !== 'subscription') continue
    for (const field of definition.selectionSet.selections)
      if (field.kind === Kind.FIELD)
        for (const { name, value } of field.arguments ?? []) if (name.value === 'after') starts.add(value)
  }
  let only = true
  visit(document, {
    VariableDefinition: () => false,
    Variable(variable) {
      if (variable.name.value !== 'after' || starts.has(variable)) return undefined
      only = false
      return BREAK
    },
  })
  return only
}
