// Which fields a client selected below the one that is resolved, through fragments, @skip and @include. Free of I/O.
import {
  type FieldNode,
  type GraphQLDirective,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

type Facts = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments' | 'variableValues'>

/** Whether the client selected the field at `path`, by the fields' own names, whatever aliases it gave them. */
export function selects(info: Facts, ...path: readonly string[]): boolean {
  let fields: readonly FieldNode[] = info.fieldNodes
  for (const name of path) fields = fieldsBelow(fields, info).filter(field => field.name.value === name)
  return fields.length > 0
}

function fieldsBelow(parents: readonly FieldNode[], info: Facts): FieldNode[] {
  const found: FieldNode[] = []
  const seen = new Set<string>() // a fragment counts once, however often it is spread
  for (const { selectionSet } of parents) if (selectionSet) collect(selectionSet, info, { found, seen })
  return found
}

type Collected = { readonly found: FieldNode[]; readonly seen: Set<string> }

/** Takes no notice of type conditions: the types whose selection is asked for are objects. */
function collect(set: SelectionSetNode, info: Facts, into: Collected): void {
  for (const selection of set.selections) {
    if (isLeftOut(selection, info)) continue
    if (selection.kind === Kind.FIELD) into.found.push(selection)
    else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet, info, into)
    else if (!into.seen.has(selection.name.value)) {
      into.seen.add(selection.name.value)
      const fragment = info.fragments[selection.name.value]
      if (fragment) collect(fragment.selectionSet, info, into)
    }
  }
}

function isLeftOut(selection: SelectionNode, info: Facts): boolean {
  if (!selection.directives?.length) return false
  const condition = (directive: GraphQLDirective) =>
    getDirectiveValues(directive, selection, info.variableValues)?.if
  return condition(GraphQLSkipDirective) === true || condition(GraphQLIncludeDirective) === false
}
