// Operations made ready to run, once per text: parsed, checked, planned, compiled. Bounded. Free of transport.
import {
  type ASTVisitor,
  type DocumentNode,
  execute,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  specifiedRules,
  type ValidationContext,
  validate,
} from 'graphql'
import { getVariableValues } from 'graphql/execution/values.js'
import { LRUCache } from 'lru-cache'
import { compilePlan, compileSubscription } from '#gateway/executor/compile-plan.ts'
import { compileCompletion, type Write } from '#gateway/executor/complete.ts'
import type { JsonObject } from '#gateway/executor/execution.ts'
import { nameFetches } from '#gateway/executor/fetch-names.ts'
import type { RootRequest, Step } from '#gateway/executor/fetches.ts'
import type { Supergraph } from '#gateway/supergraph.ts'
import { limitRule, type OperationLimits } from '#platform/graphql/limits.ts'

type Variables = Readonly<Record<string, unknown>>

export type PreparedOperation = {
  readonly name: string | undefined
  readonly kind: OperationDefinitionNode['operation']
  readonly run: Step
  readonly write: Write
  /** Of a subscription: what is asked of which subgraph, and how each event begins an execution of the rest. */
  readonly source: RootRequest | undefined
  /** Throws nothing: values that do not fit are errors. */
  coerce(given: Variables): { readonly variables: Variables } | { readonly errors: readonly GraphQLError[] }
  /** What introspection answers at the root, by response name; undefined when it is not asked. */
  readonly introspect: ((variables: Variables) => JsonObject) | undefined
}

export type Prepared = PreparedOperation | { readonly errors: readonly GraphQLError[] }

export type Operations = {
  /** The operation called `name` of the text, or its only one. */
  prepare(text: string, name: string | undefined): Prepared
}

const MAX_OPERATIONS = 5_000
const MAX_VARIABLE_ERRORS = 20

export function createOperations(
  supergraph: Supergraph,
  options: { readonly limits: OperationLimits; readonly introspection: boolean },
): Operations {
  const known = new LRUCache<string, Prepared>({ max: MAX_OPERATIONS })
  const { schema } = supergraph
  const rules = [
    ...specifiedRules,
    limitRule(options.limits),
    ...(options.introspection ? [] : [noIntrospection]),
  ]
  return {
    prepare(text, name) {
      const key = name === undefined ? text : `${name}\n${text}`
      const found = known.get(key)
      if (found) return found
      const prepared = prepare({ supergraph, text, name, rules, tokens: options.limits.tokens })
      known.set(key, prepared)
      return prepared
    },
  }

  function prepare(asked: Asked): Prepared {
    try {
      const document = parse(asked.text, { maxTokens: asked.tokens })
      const errors = validate(schema, document, asked.rules)
      if (errors.length > 0) return { errors }
      const operation = getOperationAST(document, asked.name)
      if (!operation) return { errors: [new GraphQLError(unknownOperation(asked.name))] }
      return compile(asked, document, operation)
    } catch (error) {
      if (error instanceof GraphQLError) return { errors: [error] }
      throw error
    }
  }
}

/** Said once an operation, not at every field of it. */
function noIntrospection(context: ValidationContext): ASTVisitor {
  let said = false
  return {
    Field(node) {
      if (said || (node.name.value !== '__schema' && node.name.value !== '__type')) return
      said = true
      context.reportError(new GraphQLError('GraphQL introspection is switched off here.', { nodes: node }))
    },
  }
}

type Asked = {
  readonly supergraph: Supergraph
  readonly text: string
  readonly name: string | undefined
  readonly rules: readonly ((context: ValidationContext) => ASTVisitor)[]
  readonly tokens: number
}

function unknownOperation(name: string | undefined): string {
  return name === undefined
    ? 'The document has several operations: say which by operationName.'
    : `The document has no operation ${JSON.stringify(name)}.`
}

function compile(
  { supergraph, text, name }: Asked,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): PreparedOperation {
  const { schema, matches } = supergraph
  const fragments = new Map(
    document.definitions.flatMap(definition =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  )
  const roots = rootFields(operation.selectionSet.selections, fragments)
  const needsPlan = roots.some(field => !field.startsWith('__'))
  const planned = needsPlan ? supergraph.plan(text, name) : undefined
  const plan = planned && nameFetches(planned, operation.name?.value)
  const definitions = operation.variableDefinitions ?? []
  return {
    name: operation.name?.value,
    kind: operation.operation,
    run: compilePlan(plan, matches),
    source: operation.operation === 'subscription' ? compileSubscription(plan, matches) : undefined,
    write: compileCompletion({ schema, operation, fragments }),
    coerce(given) {
      const { coerced, errors } = getVariableValues(schema, definitions, given, {
        maxErrors: MAX_VARIABLE_ERRORS,
      })
      return errors ? { errors } : { variables: coerced }
    },
    introspect: roots.some(field => field === '__schema' || field === '__type')
      ? variables => introspect(schema, { document, operation, fragments }, variables)
      : undefined,
  }
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

function rootFields(selections: readonly SelectionNode[], fragments: Fragments): string[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return [selection.name.value]
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    return rootFields(fragment?.selectionSet.selections ?? [], fragments)
  })
}

type Introspected = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly fragments: Fragments
}

function introspect(
  schema: GraphQLSchema,
  { document, operation, fragments }: Introspected,
  variableValues: Variables,
): JsonObject {
  const selections = onlyIntrospection(operation.selectionSet.selections, fragments)
  const reduced: OperationDefinitionNode = {
    ...operation,
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  }
  const definitions = document.definitions.map(definition =>
    definition === operation ? reduced : definition,
  )
  const result = execute({
    schema,
    document: { ...document, definitions },
    variableValues,
    ...(operation.name && { operationName: operation.name.value }),
  })
  return 'data' in result ? { ...result.data } : {}
}

function onlyIntrospection(selections: readonly SelectionNode[], fragments: Fragments): SelectionNode[] {
  return selections.flatMap((selection): SelectionNode[] => {
    if (selection.kind === Kind.FIELD)
      return ['__schema', '__type'].includes(selection.name.value) ? [selection] : []
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    if (!fragment) return []
    const inner = onlyIntrospection(fragment.selectionSet.selections, fragments)
    return inner.length === 0
      ? []
      : [
          {
            kind: Kind.INLINE_FRAGMENT,
            ...(selection.directives && { directives: selection.directives }),
            selectionSet: { kind: Kind.SELECTION_SET, selections: inner },
          },
        ]
  })
}
