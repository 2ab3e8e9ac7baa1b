// The fields that an operation selects of an object type: fragments followed, same names merged, conditions kept. Pure.
import {
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'

type Variables = Readonly<Record<string, unknown>>
/** A variable that must have a value for a selection to count. */
export type Condition = { readonly variable: string; readonly wanted: boolean }
/** A selection set, and what must hold for it to count. */
export type Selected = { readonly set: SelectionSetNode; readonly conditions: readonly Condition[] }

export type CollectedField = {
  /** The response name. */
  readonly key: string
  /** Its first occurrence: others are the same field with the same arguments. */
  readonly node: FieldNode
  /** Undefined for the fields of introspection. */
  readonly fieldType: GraphQLOutputType | undefined
  /** Undefined when it always counts. */
  readonly isIncluded: ((variables: Variables) => boolean) | undefined
  /** Whether it counts at a place where it is not withheld; undefined when it is withheld nowhere. */
  readonly isGranted: ((variables: Variables) => boolean) | undefined
  /** Where it stands among the fields that count: by its first occurrence that does. Undefined when that is always the first. */
  readonly position: ((variables: Variables) => number) | undefined
  /** The position of its first occurrence. */
  readonly first: number
  readonly inner: readonly Selected[]
}

type Occurrences = {
  readonly node: FieldNode
  readonly conditions: (readonly Condition[])[]
  /** By occurrence, how many there were before it of all fields. */
  readonly positions: number[]
  /** Those of `conditions` where it is not withheld. */
  readonly granted: (readonly Condition[])[]
  readonly inner: Selected[]
}

/** The progress within one selection: which fragments were followed, and how many fields were met. */
type Spread = { readonly seen: Set<string>; occurrences: number }

export function createFieldCollector(options: {
  readonly schema: GraphQLSchema
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  /** Fields that the caller may not see; what is selected of them does not count. */
  readonly withheld: ReadonlySet<FieldNode>
}): (type: GraphQLCompositeType, selected: readonly Selected[]) => readonly CollectedField[] {
  const { schema, fragments, withheld } = options

  /** Of an abstract type: whatever object it turns out to be. */
  function concerns(type: GraphQLCompositeType, condition: string | undefined): boolean {
    if (condition === undefined || condition === type.name) return true
    const other = schema.getType(condition)
    const covers = (object: GraphQLCompositeType) =>
      object === other || (isAbstractType(other) && isObjectType(object) && schema.isSubType(other, object))
    return isAbstractType(type) ? schema.getPossibleTypes(type).every(covers) : covers(type)
  }

  function visit(
    { set, conditions }: Selected,
    type: GraphQLCompositeType,
    fields: Map<string, Occurrences>,
    spread: Spread,
  ): void {
    for (const selection of set.selections) {
      const all = addConditions(conditions, selection.directives)
      if (all === undefined) continue
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value
        const field = fields.get(key) ?? {
          node: selection,
          conditions: [],
          positions: [],
          granted: [],
          inner: [],
        }
        fields.set(key, field)
        field.conditions.push(all)
        field.positions.push(spread.occurrences++)
        if (withheld.has(selection)) continue
        field.granted.push(all)
        if (selection.selectionSet) field.inner.push({ set: selection.selectionSet, conditions: all })
        continue
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT
          ? selection
          : spreadOnce(selection.name.value, all, spread) && fragments.get(selection.name.value)
      if (fragment && concerns(type, fragment.typeCondition?.name.value))
        visit({ set: fragment.selectionSet, conditions: all }, type, fields, spread)
    }
  }

  return (type, selected) => {
    const fields = new Map<string, Occurrences>()
    const spread: Spread = { seen: new Set(), occurrences: 0 }
    for (const one of selected) visit(one, type, fields, spread)
    return [...fields].map(([key, { node, conditions, positions, granted, inner }]) => ({
      key,
      node,
      fieldType: 'getFields' in type ? type.getFields()[node.name.value]?.type : undefined,
      isIncluded: anyHolds(conditions),
      position: positionOf(conditions, positions),
      first: positions[0] ?? 0,
      isGranted: granted.length < conditions.length ? anyHolds(granted) : undefined,
      inner,
    }))
  }
}

/** Fragments that spread one another again and again add nothing new to a selection. */
function spreadOnce(name: string, conditions: readonly Condition[], { seen }: Spread): boolean {
  const key = `${name} ${conditions.map(({ variable, wanted }) => `${wanted}${variable}`).join()}`
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

/** Undefined when the selection never counts. */
export function addConditions(
  conditions: readonly Condition[],
  directives: readonly DirectiveNode[] | undefined,
): readonly Condition[] | undefined {
  let all = conditions
  for (const { name, arguments: given } of directives ?? []) {
    if (name.value !== 'skip' && name.value !== 'include') continue
    const wanted = name.value === 'include'
    const value = given?.find(argument => argument.name.value === 'if')?.value
    if (value?.kind === Kind.BOOLEAN && value.value !== wanted) return undefined
    if (value?.kind === Kind.VARIABLE) all = [...all, { variable: value.name.value, wanted }]
  }
  return all
}

function anyHolds(alternatives: readonly (readonly Condition[])[]): CollectedField['isIncluded'] {
  if (alternatives.some(conditions => conditions.length === 0)) return undefined
  return variables => alternatives.some(conditions => hold(conditions, variables))
}

function hold(conditions: readonly Condition[], variables: Variables): boolean {
  return conditions.every(({ variable, wanted }) => (variables[variable] === true) === wanted)
}

/** A field that is skipped makes no place for itself (CollectFields of the specification). */
function positionOf(
  occurrences: readonly (readonly Condition[])[],
  positions: readonly number[],
): CollectedField['position'] {
  const [first = []] = occurrences
  if (first.length === 0 || occurrences.length === 1) return undefined
  return variables =>
    positions[occurrences.findIndex(conditions => hold(conditions, variables))] ?? Number.POSITIVE_INFINITY
}
