// Collects the fields that an operation selects of a type (CollectFields of the specification), with their conditions.
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
/** A variable, and the value that it must have for a selection to count. */
export type Condition = { readonly variable: string; readonly wanted: boolean }
/** A selection set, and the conditions under which it counts. */
export type Selected = { readonly set: SelectionSetNode; readonly conditions: readonly Condition[] }

export type CollectedField = {
  /** The response name. */
  readonly key: string
  /** The first occurrence: others are the same field with the same arguments. */
  readonly node: FieldNode
  /** Undefined for introspection fields. */
  readonly fieldType: GraphQLOutputType | undefined
  /** Undefined when the field is always included. */
  readonly isIncluded: ((variables: Variables) => boolean) | undefined
  /** Tells whether an occurrence that is not withheld is included; undefined when none is withheld. */
  readonly isGranted: ((variables: Variables) => boolean) | undefined
  /** Returns the position among the included fields, that of the first included occurrence. Undefined when always the first. */
  readonly position: ((variables: Variables) => number) | undefined
  /** The position of the first occurrence. */
  readonly first: number
  readonly inner: readonly Selected[]
}

type Occurrences = {
  readonly node: FieldNode
  readonly conditions: (readonly Condition[])[]
  /** The number of occurrences of any field before each occurrence. */
  readonly positions: number[]
  /** The conditions of the occurrences that are not withheld. */
  readonly granted: (readonly Condition[])[]
  readonly inner: Selected[]
}

type CollectorOptions = {
  readonly schema: GraphQLSchema
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  /** Fields that the caller may not see: they are collected without their selections. */
  readonly withheld: ReadonlySet<FieldNode>
}

/** One collection: the type, the fields so far, how often fields were met, and which fragments were followed. */
type Collection = CollectorOptions & {
  readonly type: GraphQLCompositeType
  readonly fields: Map<string, Occurrences>
  readonly seen: Set<string>
  occurrences: number
}

export function createFieldCollector(
  options: CollectorOptions,
): (type: GraphQLCompositeType, selected: readonly Selected[]) => readonly CollectedField[] {
  return (type, selected) => {
    const collection: Collection = { ...options, type, fields: new Map(), seen: new Set(), occurrences: 0 }
    for (const one of selected) collect(one, collection)
    return [...collection.fields].map(([key, field]) => collectedField(key, field, type))
  }
}

function collectedField(key: string, field: Occurrences, type: GraphQLCompositeType): CollectedField {
  const { node, conditions, positions, granted, inner } = field
  return {
    key,
    node,
    fieldType: 'getFields' in type ? type.getFields()[node.name.value]?.type : undefined,
    isIncluded: anyHolds(conditions),
    position: positionOf(conditions, positions),
    first: positions[0] ?? 0,
    isGranted: granted.length < conditions.length ? anyHolds(granted) : undefined,
    inner,
  }
}

function collect({ set, conditions }: Selected, collection: Collection): void {
  for (const selection of set.selections) {
    const all = addConditions(conditions, selection.directives)
    if (all === undefined) continue
    if (selection.kind === Kind.FIELD) {
      collectField(selection, all, collection)
      continue
    }
    const fragment =
      selection.kind === Kind.INLINE_FRAGMENT
        ? selection
        : spreadOnce(selection.name.value, all, collection) && collection.fragments.get(selection.name.value)
    if (fragment && coversType(fragment.typeCondition?.name.value, collection))
      collect({ set: fragment.selectionSet, conditions: all }, collection)
  }
}

function collectField(node: FieldNode, conditions: readonly Condition[], collection: Collection): void {
  const { fields, withheld } = collection
  const key = (node.alias ?? node.name).value
  const field = fields.get(key) ?? { node, conditions: [], positions: [], granted: [], inner: [] }
  fields.set(key, field)
  field.conditions.push(conditions)
  field.positions.push(collection.occurrences++)
  if (withheld.has(node)) return
  field.granted.push(conditions)
  if (node.selectionSet) field.inner.push({ set: node.selectionSet, conditions })
}

/** Tells whether the condition covers the type; all of its possible types where it is abstract. */
function coversType(condition: string | undefined, { schema, type }: Collection): boolean {
  if (condition === undefined || condition === type.name) return true
  const other = schema.getType(condition)
  const covers = (object: GraphQLCompositeType) =>
    object === other || (isAbstractType(other) && isObjectType(object) && schema.isSubType(other, object))
  return isAbstractType(type) ? schema.getPossibleTypes(type).every(covers) : covers(type)
}

/** A fragment that is spread again under the same conditions adds nothing to the selection. */
function spreadOnce(name: string, conditions: readonly Condition[], { seen }: Collection): boolean {
  const key = `${name} ${conditions.map(({ variable, wanted }) => `${wanted}${variable}`).join()}`
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

/** Adds the conditions of `@skip` and `@include`. Returns undefined when the selection is never included. */
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

/** Tells whether all conditions hold; a variable without a value counts as false. */
export function hold(conditions: readonly Condition[], variables: Variables): boolean {
  return conditions.every(({ variable, wanted }) => (variables[variable] === true) === wanted)
}

/** A skipped occurrence does not take a position. */
function positionOf(
  occurrences: readonly (readonly Condition[])[],
  positions: readonly number[],
): CollectedField['position'] {
  const [first = []] = occurrences
  if (first.length === 0 || occurrences.length === 1) return undefined
  return variables =>
    positions[occurrences.findIndex(conditions => hold(conditions, variables))] ?? Number.POSITIVE_INFINITY
}
