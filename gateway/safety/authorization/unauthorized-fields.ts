// An operation without what its caller may not see: what is left to fetch, and what is reported instead. Pure.
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
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

/** A field that is withheld, if all of `conditions` hold. `@` in its path stands for each item of a list. */
export type UnauthorizedField = {
  readonly path: readonly string[]
  readonly conditions: readonly Condition[]
}

export type FilterResult = {
  /** The operation with its fragments written out, so that each of its fields stands in one place only. */
  readonly operation: OperationDefinitionNode
  /** Fields of `operation`. */
  readonly fields: ReadonlySet<FieldNode>
  /** What is left; undefined when nothing is to be fetched. */
  readonly planned: OperationDefinitionNode | undefined
  readonly reports: readonly UnauthorizedField[]
}

export type FilterInput = {
  readonly schema: GraphQLSchema
  readonly rules: AuthorizationRules
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

type Place = {
  readonly parent: GraphQLCompositeType
  /** Names of the object types that the object here may have. */
  readonly possible: readonly string[]
  readonly path: readonly string[]
  readonly conditions: readonly Condition[]
  /** Within a fragment on a type that may not be seen. */
  readonly denied: boolean
}

type Walked = { readonly shown: SelectionNode[]; readonly planned: SelectionNode[] }

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/** The rules that what the operation selects is under, in ascending order. */
export function requiredRules(options: FilterInput): readonly RuleId[] {
  const demands = new Set<RuleId>()
  filterOperation(options, rule => {
    demands.add(rule)
    return false
  })
  return [...demands].sort((one, other) => one - other)
}

/**
 * Leaves out every field that is under a rule for which `isDenied`: its own, its type's, and, where it is selected of an
 * interface, those of every object type that may stand there. Where all inner fields are left out, the object is still
 * looked for, as it may be null. `__typename` is never withheld.
 */
export function filterOperation(
  { schema, rules, operation, fragments }: FilterInput,
  isDenied: (rule: RuleId) => boolean,
): FilterResult {
  const fields = new Set<FieldNode>()
  const reports: UnauthorizedField[] = []
  const denies = (rule: RuleId | undefined) => rule !== undefined && isDenied(rule)

  function isFieldDenied(type: GraphQLCompositeType, name: string): boolean {
    const field = 'getFields' in type ? type.getFields()[name] : undefined
    const own = denies(rules.fields.get(`${type.name}.${name}`))
    return own || (field !== undefined && denies(rules.types.get(getNamedType(field.type).name)))
  }

  function isWithheld({ parent, possible, denied }: Place, name: string): boolean {
    if (denied || isFieldDenied(parent, name)) return true
    if (!isAbstractType(parent)) return false
    return possible.some(type => {
      const concrete = schema.getType(type)
      return isObjectType(concrete) && (denies(rules.types.get(type)) || isFieldDenied(concrete, name))
    })
  }

  function walkField(node: FieldNode, place: Place, conditions: Place['conditions'], walked: Walked): void {
    const name = node.name.value
    const type = 'getFields' in place.parent ? place.parent.getFields()[name]?.type : undefined
    if (type === undefined) {
      walked.shown.push(node)
      if (name === '__typename') walked.planned.push(node)
      return
    }
    const path = [...place.path, (node.alias ?? node.name).value]
    if (isWithheld(place, name)) {
      const marked = { ...node }
      fields.add(marked)
      reports.push({ path, conditions })
      walked.shown.push(marked)
      return
    }
    const named = getNamedType(type)
    if (!node.selectionSet || !isCompositeType(named)) {
      walked.shown.push(node)
      walked.planned.push(node)
      return
    }
    const inner = walk(node.selectionSet, {
      parent: named,
      possible: possibleTypes(schema, named),
      path: [...path, ...itemsOf(type)],
      conditions,
      denied: false,
    })
    walked.shown.push({ ...node, selectionSet: setOf(inner.shown) })
    walked.planned.push({
      ...node,
      selectionSet: setOf(inner.planned.length > 0 ? inner.planned : [TYPENAME]),
    })
  }

  function walk(set: SelectionSetNode, place: Place): Walked {
    const walked: Walked = { shown: [], planned: [] }
    for (const selection of set.selections) {
      const conditions = addConditions(place.conditions, selection.directives)
      if (conditions === undefined) continue
      if (selection.kind === Kind.FIELD) {
        walkField(selection, place, conditions, walked)
        continue
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      if (!fragment) continue
      const within = enter(fragment.typeCondition?.name.value, { ...place, conditions })
      if (!within) continue
      const inner = walk(fragment.selectionSet, within)
      const inline = (selections: SelectionNode[]): SelectionNode => ({
        kind: Kind.INLINE_FRAGMENT,
        ...(fragment.typeCondition && { typeCondition: fragment.typeCondition }),
        ...(selection.directives && { directives: selection.directives }),
        selectionSet: setOf(selections),
      })
      walked.shown.push(inline(inner.shown))
      if (inner.planned.length > 0) walked.planned.push(inline(inner.planned))
    }
    return walked
  }

  /** Undefined where no object can be of the type. */
  function enter(condition: string | undefined, place: Place): Place | undefined {
    if (condition === undefined) return place
    const type = schema.getType(condition)
    if (!isCompositeType(type)) return undefined
    const covered = new Set(possibleTypes(schema, type))
    const possible = place.possible.filter(name => covered.has(name))
    if (possible.length === 0) return undefined
    return { ...place, parent: type, possible, denied: place.denied || denies(rules.types.get(condition)) }
  }

  const root = schema.getRootType(operation.operation)
  const { shown, planned } = root
    ? walk(operation.selectionSet, {
        parent: root,
        possible: [root.name],
        path: [],
        conditions: [],
        denied: denies(rules.types.get(root.name)),
      })
    : { shown: [], planned: [] }
  return {
    operation: { ...operation, selectionSet: setOf(shown) },
    fields,
    planned: planned.some(isFetched) ? { ...operation, selectionSet: setOf(planned) } : undefined,
    reports,
  }
}

function isFetched(selection: SelectionNode): boolean {
  if (selection.kind === Kind.FIELD) return selection.name.value !== '__typename'
  return selection.kind === Kind.INLINE_FRAGMENT && selection.selectionSet.selections.some(isFetched)
}

/** One `@` for each list around the type. */
function itemsOf(type: GraphQLOutputType): string[] {
  if (isNonNullType(type)) return itemsOf(type.ofType)
  return isListType(type) ? ['@', ...itemsOf(type.ofType)] : []
}

function setOf(selections: SelectionNode[]): SelectionSetNode {
  return { kind: Kind.SELECTION_SET, selections }
}
