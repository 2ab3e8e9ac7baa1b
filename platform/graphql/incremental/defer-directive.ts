// Defines `@defer` for the schemas that support it, its validation rules, and how it is read and taken out.
import {
  type ASTVisitor,
  type DefinitionNode,
  DirectiveLocation,
  type DirectiveNode,
  type DocumentNode,
  GraphQLBoolean,
  GraphQLDirective,
  GraphQLError,
  GraphQLIncludeDirective,
  GraphQLNonNull,
  GraphQLSkipDirective,
  GraphQLString,
  getDirectiveValues,
  Kind,
  parse,
  type SelectionNode,
  type ValidationContext,
  visit,
} from 'graphql'

type Variables = Readonly<Record<string, unknown>>

const NAME = 'defer'

/** The directive of the specification's draft. */
export const DEFER_SDL = `
"""
Lets the fields of a fragment come later, in a part of their own, so that the rest of the response does not wait for them. A
client that does not accept a response in parts (multipart/mixed) gets them with the rest.
"""
directive @defer(
  "Says whether the fragment is deferred."
  if: Boolean! = true
  "Names the part in the response; unique in the document."
  label: String
) on FRAGMENT_SPREAD | INLINE_FRAGMENT
`

/** Returns the document of a schema with the definition of `@defer`, in place of its own if it has one. */
export function withDeferDefinition(schema: DocumentNode): DocumentNode {
  const isOwn = (definition: DefinitionNode) =>
    definition.kind === Kind.DIRECTIVE_DEFINITION && definition.name.value === NAME
  const others = schema.definitions.filter(definition => !isOwn(definition))
  return { ...schema, definitions: [...others, ...parse(DEFER_SDL).definitions] }
}

const DEFER = new GraphQLDirective({
  name: NAME,
  locations: [DirectiveLocation.FRAGMENT_SPREAD, DirectiveLocation.INLINE_FRAGMENT],
  args: {
    if: { type: new GraphQLNonNull(GraphQLBoolean), defaultValue: true },
    label: { type: GraphQLString },
  },
})

/** Returns whether a directive is `@defer`, whatever its condition. */
export function isDefer({ name }: DirectiveNode): boolean {
  return name.value === NAME
}

/** Returns the label of a fragment that is deferred with these variables; undefined for one that is not. */
export function deferOf(
  selection: SelectionNode,
  variables: Variables,
): { readonly label: string | undefined } | undefined {
  if (!selection.directives?.length) return undefined
  const values = getDirectiveValues(DEFER, selection, variables)
  if (values === undefined || values.if !== true) return undefined
  return { label: typeof values.label === 'string' ? values.label : undefined }
}

/** Returns what `@skip` and `@include` say of a selection. */
export function isIncluded(selection: SelectionNode, variables: Variables): boolean {
  if (!selection.directives?.length) return true
  if (getDirectiveValues(GraphQLSkipDirective, selection, variables)?.if === true) return false
  return getDirectiveValues(GraphQLIncludeDirective, selection, variables)?.if !== false
}

const known = new WeakMap<DocumentNode, DocumentNode>()

/** Returns whether any fragment of the document has `@defer`. */
export function hasDefer(document: DocumentNode): boolean {
  return withoutDefer(document) !== document
}

/** Returns the document without `@defer`, which is the same one when it has none. Does the work once for each document. */
export function withoutDefer(document: DocumentNode): DocumentNode {
  const found = known.get(document)
  if (found) return found
  const made: DocumentNode = visit(document, {
    Directive: directive => (isDefer(directive) ? null : undefined),
  })
  known.set(document, made)
  return made
}

/**
 * The rules of the specification's draft: labels are texts, and unique; neither the root of a mutation nor a subscription
 * has deferred fragments.
 */
export function deferRule(context: ValidationContext): ASTVisitor {
  const labels = new Set<string>()
  const report = (message: string, node: DirectiveNode) =>
    context.reportError(new GraphQLError(message, { nodes: node }))
  return {
    OperationDefinition(operation) {
      if (operation.operation !== 'subscription') return
      const deferring = [operation, ...context.getRecursivelyReferencedFragments(operation)]
      for (const definition of deferring)
        visit(definition, {
          Directive(node) {
            const condition = node.arguments?.find(({ name }) => name.value === 'if')?.value
            if (!isDefer(node) || (condition?.kind === Kind.BOOLEAN && !condition.value)) return
            report('A subscription has no deferred fragments: @defer is for queries and mutations.', node)
          },
        })
    },
    Directive(node) {
      if (!isDefer(node)) return
      if (context.getParentType() === context.getSchema().getMutationType())
        report('@defer is not for the root of a mutation, whose fields are carried out one by one.', node)
      const label = node.arguments?.find(({ name }) => name.value === 'label')?.value
      if (label === undefined || label.kind === Kind.NULL) return
      if (label.kind !== Kind.STRING) report('The label of @defer should be a text, and no variable.', node)
      else if (labels.has(label.value))
        report(`The label ${JSON.stringify(label.value)} of @defer is there twice; labels are unique.`, node)
      else labels.add(label.value)
    },
  }
}
