// Tells which fields a client selected below the resolved one, through fragments, @skip, @include and @defer.
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
import { deferOf } from '#platform/graphql/incremental/defer-directive.ts'

type SelectionInfo = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments' | 'variableValues'>

/**
 * Returns the names of the fields that the client selected below the field at `path`, whatever aliases it gave to them.
 * Leaves out what is in a deferred fragment: that is loaded when its turn comes.
 */
export function selectedBelow(info: SelectionInfo, ...path: readonly string[]): ReadonlySet<string> {
  let fields: readonly FieldNode[] = info.fieldNodes
  for (const name of path) fields = fieldsBelow(fields, info).filter(field => field.name.value === name)
  return new Set(fieldsBelow(fields, info).map(field => field.name.value))
}

/**
 * Returns the same for the resolved field itself, with what is in deferred fragments: for fields that cannot be loaded
 * later.
 */
export function selectedInAll(info: SelectionInfo): ReadonlySet<string> {
  return new Set(fieldsBelow(info.fieldNodes, info, true).map(field => field.name.value))
}

function fieldsBelow(parents: readonly FieldNode[], info: SelectionInfo, deferred = false): FieldNode[] {
  const found: FieldNode[] = []
  const seen = new Set<string>() // a fragment counts once, however often it is spread
  for (const { selectionSet } of parents)
    if (selectionSet) collect(selectionSet, info, { found, seen, deferred })
  return found
}

type Collected = {
  readonly found: FieldNode[]
  readonly seen: Set<string>
  /** True to collect what is in deferred fragments, too. */
  readonly deferred: boolean
}

/**
 * Collects the selected fields. It ignores type conditions: of an interface or a union it finds what is selected of any of
 * its types.
 */
function collect(set: SelectionSetNode, info: SelectionInfo, into: Collected): void {
  for (const selection of set.selections) {
    if (isSkipped(selection, info)) continue
    if (!into.deferred && deferOf(selection, info.variableValues)) continue
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
