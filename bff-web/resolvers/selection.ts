// Tells which fields a client selected below the resolved one, through fragments, @skip and @include.
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

type SelectionInfo = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments' | 'variableValues'>

/** Returns whether the client selected the field at `path`, whatever aliases it gave to the fields. */
export function selects(info: SelectionInfo, ...path: readonly string[]): boolean {
  let fields: readonly FieldNode[] = info.fieldNodes
  for (const name of path) fields = fieldsBelow(fields, info).filter(field => field.name.value === name)
  return fields.length > 0
}

function fieldsBelow(parents: readonly FieldNode[], info: SelectionInfo): FieldNode[] {
  const found: FieldNode[] = []
  const seen = new Set<string>() // a fragment counts once, however often it is spread
  for (const { selectionSet } of parents) if (selectionSet) collect(selectionSet, info, { found, seen })
  return found
}

type Collected = { readonly found: FieldNode[]; readonly seen: Set<string> }

/** Collects the selected fields. It ignores type conditions, because every type that it is used for is an object. */
function collect(set: SelectionSetNode, info: SelectionInfo, into: Collected): void {
  for (const selection of set.selections) {
    if (isSkipped(selection, info)) continue
    if (selection.kind === Kind.FIELD) into.found.push(selection)
    else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet, info, into)
    else if (!into.seen.has(selection.name.value)) {
      into.seen.add(selection.name.value)
      const fragment = info.fragments[selection.name.value]
      if (fragment) collect(fragment.selectionSet, info, into)
    }
  }
}

function isSkipped(selection: SelectionNode, info: SelectionInfo): boolean {
  if (!selection.directives?.length) return false
  const condition = (directive: GraphQLDirective) =>
    getDirectiveValues(directive, selection, info.variableValues)?.if
  return condition(GraphQLSkipDirective) === true || condition(GraphQLIncludeDirective) === false
}
