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
  readonly name: string
  /** Undefined for the fields of introspection. */
  readonly fieldType: GraphQLOutputType | undefined
  /** Undefined when it always counts. */
  readonly applies: ((variables: Variables) => boolean) | undefined
  /** Whether it counts at a place where it is not withheld; undefined when it is withheld nowhere. */
  readonly granted: ((variables: Variables) => boolean) | undefined
  readonly inner: readonly Selected[]
}

type Occurrences = {
  readonly name: string
  readonly conditions: (readonly Condition[])[]
  /** Those of `conditions` where it is not withheld. */
  readonly granted: (readonly Condition[])[]
  readonly inner: Selected[]
}

export function createCollector(options: {
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
    spread: Set<string>,
  ): void {
    for (const selection of set.selections) {
      const all = withDirectives(conditions, selection.directives)
      if (all === undefined) continue
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value
        const field = fields.get(key) ?? {
          name: selection.name.value,
          conditions: [],
          granted: [],
          inner: [],
        }
        fields.set(key, field)
        field.conditions.push(all)
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
    const spread = new Set<string>()
    for (const one of selected) visit(one, type, fields, spread)
    return [...fields].map(([key, { name, conditions, granted, inner }]) => ({
      key,
      name,
      fieldType: 'getFields' in type ? type.getFields()[name]?.type : undefined,
      applies: anyHolds(conditions),
      granted: granted.length < conditions.length ? anyHolds(granted) : undefined,
      inner,
    }))
  }
}

/** Fragments that spread one another again and again add nothing new to a selection. */
function spreadOnce(name: string, conditions: readonly Condition[], spread: Set<string>): boolean {
  const key = `${name} ${conditions.map(({ variable, wanted }) => `${wanted}${variable}`).join()}`
  if (spread.has(key)) return false
  spread.add(key)
  return true
}

/** Undefined when the selection never counts. */
export function withDirectives(
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

function anyHolds(alternatives: readonly (readonly Condition[])[]): CollectedField['applies'] {
  if (alternatives.some(conditions => conditions.length === 0)) return undefined
  return variables =>
    alternatives.some(conditions =>
      conditions.every(({ variable, wanted }) => (variables[variable] === true) === wanted),
    )
}
