// Removes from an operation what its caller may not see: gives what is left to fetch, and the fields to report.
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  type InlineFragmentNode,
  isAbstractType,
  isCompositeType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { possibleTypes } from '#gateway/executor/possible-types.ts'
import { addConditions, type Condition } from '#gateway/planner/normalization/collect-fields.ts'
import type { AuthorizationRules, RuleId } from '#gateway/safety/authorization/rules.ts'

/** A field that is removed if all of `conditions` hold. `@` in its path stands for each item of a list. */
export type UnauthorizedField = {
  readonly path: readonly string[]
  readonly conditions: readonly Condition[]
}

type FilterResult = {
  /** The operation with its fragments written out, so that each of its fields stands in one place only. */
  readonly operation: OperationDefinitionNode
  /** The fields of `operation` that the caller may not see. */
  readonly fields: ReadonlySet<FieldNode>
  /** The operation that is left to fetch; undefined when nothing is. */
  readonly planned: OperationDefinitionNode | undefined
  readonly reports: readonly UnauthorizedField[]
}

type FilterInput = {
  readonly schema: GraphQLSchema
  readonly rules: AuthorizationRules
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

/** The walk through one operation, with what it has found so far. */
type Walk = FilterInput & {
  readonly denies: (rule: RuleId | undefined) => boolean
  readonly fields: Set<FieldNode>
  readonly reports: UnauthorizedField[]
}

/** Where in the operation a selection set stands. */
type Scope = {
  readonly parent: GraphQLCompositeType
  /** Names of the object types that the object here may have. */
  readonly possible: readonly string[]
  readonly path: readonly string[]
  readonly conditions: readonly Condition[]
  /** Says whether an enclosing fragment is on a type that the caller may not see. */
  readonly denied: boolean
}

type Selections = { readonly shown: SelectionNode[]; readonly planned: SelectionNode[] }

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/** Returns the rules that apply to what the operation selects, in ascending order. */
export function requiredRules(input: FilterInput): readonly RuleId[] {
  const required = new Set<RuleId>()
  filterOperation(input, rule => {
    required.add(rule)
    return false
  })
  return [...required].sort((one, other) => one - other)
}

/**
 * Removes every field to which a rule applies that `isDenied` names: the field's own rule, its type's, and, where it is
 * selected of an interface, those of every object type that may stand there. Where all inner fields are removed, the object
 * itself is still fetched, as it may be null. `__typename` is never removed.
 */
export function filterOperation(input: FilterInput, isDenied: (rule: RuleId) => boolean): FilterResult {
  const { schema, rules, operation } = input
  const denies = (rule: RuleId | undefined) => rule !== undefined && isDenied(rule)
  const walk: Walk = { ...input, denies, fields: new Set(), reports: [] }
  const root = schema.getRootType(operation.operation)
  const { shown, planned } = root
    ? filterSelections(walk, operation.selectionSet, {
        parent: root,
        possible: [root.name],
        path: [],
        conditions: [],
        denied: denies(rules.types.get(root.name)),
      })
    : { shown: [], planned: [] }
  return {
    operation: { ...operation, selectionSet: setOf(shown) },
    fields: walk.fields,
    planned: planned.some(isFetched) ? { ...operation, selectionSet: setOf(planned) } : undefined,
    reports: walk.reports,
  }
}

function filterSelections(walk: Walk, set: SelectionSetNode, scope: Scope): Selections {
  const filtered: Selections = { shown: [], planned: [] }
  for (const selection of set.selections) {
    const conditions = addConditions(scope.conditions, selection.directives)
    if (conditions === undefined) continue
    const inner =
      selection.kind === Kind.FIELD
        ? filterField(walk, selection, { ...scope, conditions })
        : filterFragment(walk, selection, { ...scope, conditions })
    filtered.shown.push(...inner.shown)
    filtered.planned.push(...inner.planned)
  }
  return filtered
}

function filterField(walk: Walk, node: FieldNode, scope: Scope): Selections {
  const { schema, fields, reports } = walk
  const name = node.name.value
  const type = 'getFields' in scope.parent ? scope.parent.getFields()[name]?.type : undefined
  if (type === undefined) return { shown: [node], planned: name === '__typename' ? [node] : [] }
  const path = [...scope.path, (node.alias ?? node.name).value]
  if (isUnauthorized(walk, scope, name)) {
    const marked = { ...node }
    fields.add(marked)
    reports.push({ path, conditions: scope.conditions })
    return { shown: [marked], planned: [] }
  }
  const named = getNamedType(type)
  if (!node.selectionSet || !isCompositeType(named)) return { shown: [node], planned: [node] }
  const inner = filterSelections(walk, node.selectionSet, {
    parent: named,
    possible: possibleTypes(schema, named),
    path: [...path, ...itemsOf(type)],
    conditions: scope.conditions,
    denied: false,
  })
  const planned = inner.planned.length > 0 ? inner.planned : [TYPENAME]
  return {
    shown: [{ ...node, selectionSet: setOf(inner.shown) }],
    planned: [{ ...node, selectionSet: setOf(planned) }],
  }
}

function filterFragment(
  walk: Walk,
  selection: InlineFragmentNode | FragmentSpreadNode,
  scope: Scope,
): Selections {
  const fragment =
    selection.kind === Kind.INLINE_FRAGMENT ? selection : walk.fragments.get(selection.name.value)
  const within = fragment && narrow(walk, scope, fragment.typeCondition?.name.value)
  if (!within) return { shown: [], planned: [] }
  const inner = filterSelections(walk, fragment.selectionSet, within)
  const inline = (selections: SelectionNode[]): SelectionNode => ({
    kind: Kind.INLINE_FRAGMENT,
    ...(fragment.typeCondition && { typeCondition: fragment.typeCondition }),
    ...(selection.directives && { directives: selection.directives }),
    selectionSet: setOf(selections),
  })
  return {
    shown: [inline(inner.shown)],
    planned: inner.planned.length > 0 ? [inline(inner.planned)] : [],
  }
}

/** Returns the scope within a fragment; undefined where no object can be of its type. */
function narrow(
  { schema, rules, denies }: Walk,
  scope: Scope,
  condition: string | undefined,
): Scope | undefined {
  if (condition === undefined) return scope
  const type = schema.getType(condition)
  if (!isCompositeType(type)) return undefined
  const covered = new Set(possibleTypes(schema, type))
  const possible = scope.possible.filter(name => covered.has(name))
  if (possible.length === 0) return undefined
  return { ...scope, parent: type, possible, denied: scope.denied || denies(rules.types.get(condition)) }
}

function isUnauthorized(walk: Walk, { parent, possible, denied }: Scope, name: string): boolean {
  const { schema, rules, denies } = walk
  if (denied || isFieldDenied(walk, parent, name)) return true
  if (!isAbstractType(parent)) return false
  return possible.some(type => {
    const concrete = schema.getType(type)
    return isObjectType(concrete) && (denies(rules.types.get(type)) || isFieldDenied(walk, concrete, name))
  })
}

function isFieldDenied({ rules, denies }: Walk, type: GraphQLCompositeType, name: string): boolean {
  const field = 'getFields' in type ? type.getFields()[name] : undefined
  const own = denies(rules.fields.get(`${type.name}.${name}`))
  return own || (field !== undefined && denies(rules.types.get(getNamedType(field.type).name)))
}

function isFetched(selection: SelectionNode): boolean {
  if (selection.kind === Kind.FIELD) return selection.name.value !== '__typename'
  return selection.kind === Kind.INLINE_FRAGMENT && selection.selectionSet.selections.some(isFetched)
}

/** Returns one `@` for each list around the type. */
function itemsOf(type: GraphQLOutputType): string[] {
  if (isNonNullType(type)) return itemsOf(type.ofType)
  return isListType(type) ? ['@', ...itemsOf(type.ofType)] : []
}

function setOf(selections: SelectionNode[]): SelectionSetNode {
  return { kind: Kind.SELECTION_SET, selections }
}
