// Divides the fields that are selected of an object among the parts of the response, by their fragments' `@defer`.
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { deferOf, isIncluded } from '#platform/graphql/incremental/defer-directive.ts'

/** A fragment with `@defer`, as often as it is spread; each object that it is spread on has a part of its own. */
export type DeferUsage = {
  readonly label: string | undefined
  readonly selection: SelectionNode
  /** The deferred fragment that this one is nested in. */
  readonly parent: DeferUsage | undefined
}

/** An occurrence of a field, and the innermost deferred fragment around it. */
export type SelectedField = { readonly node: FieldNode; readonly usage: DeferUsage | undefined }
/** By response name. */
export type Fields = ReadonlyMap<string, readonly SelectedField[]>
export type Selection = {
  readonly fields: Fields
  /** The deferred fragments that begin at this object, each after those around it. */
  readonly usages: readonly DeferUsage[]
}

type Usages = ReadonlySet<DeferUsage>
type FieldPlan = {
  /** The fields that belong to the part that is executed. */
  readonly own: Fields
  /** The fields of other parts, by the deferred fragments that they belong to. */
  readonly later: readonly { readonly usages: Usages; readonly fields: Fields }[]
}

type Document = {
  readonly schema: GraphQLSchema
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  /** The coerced values. */
  readonly variables: Readonly<Record<string, unknown>>
}

type UsedSet = { readonly set: SelectionSetNode; readonly usage: DeferUsage | undefined }

type Collection = Document & {
  readonly type: GraphQLObjectType
  readonly fields: Map<string, SelectedField[]>
  readonly usages: DeferUsage[]
  /** The named fragments that were spread without `@defer`, by the deferred fragment around them. */
  readonly spread: Map<DeferUsage | undefined, Set<string>>
}

/** Collects the fields of an object (CollectFields of the specification) from the selections of all its occurrences. */
export function collectSelection(
  document: Document,
  type: GraphQLObjectType,
  sets: readonly UsedSet[],
): Selection {
  const collection: Collection = { ...document, type, fields: new Map(), usages: [], spread: new Map() }
  for (const { set, usage } of sets) collect(set, usage, collection)
  return collection
}

/** Returns the selections within a field, each with the deferred fragment that it belongs to. */
export function setsWithin(field: readonly SelectedField[]): UsedSet[] {
  return field.flatMap(({ node: { selectionSet }, usage }) =>
    selectionSet ? [{ set: selectionSet, usage }] : [],
  )
}

function collect(set: SelectionSetNode, usage: DeferUsage | undefined, collection: Collection): void {
  for (const selection of set.selections) {
    if (!isIncluded(selection, collection.variables)) continue
    if (selection.kind === Kind.FIELD) {
      const key = (selection.alias ?? selection.name).value
      const field = collection.fields.get(key)
      if (field) field.push({ node: selection, usage })
      else collection.fields.set(key, [{ node: selection, usage }])
    } else collectFragment(selection, usage, collection)
  }
}

function collectFragment(
  selection: Exclude<SelectionNode, FieldNode>,
  around: DeferUsage | undefined,
  collection: Collection,
): void {
  const fragment =
    selection.kind === Kind.INLINE_FRAGMENT ? selection : collection.fragments[selection.name.value]
  if (!fragment || !isOfType(fragment.typeCondition?.name.value, collection)) return
  const defer = deferOf(selection, collection.variables)
  if (defer) {
    const usage = { ...defer, selection, parent: around }
    collection.usages.push(usage)
    collect(fragment.selectionSet, usage, collection)
  } else if (selection.kind === Kind.INLINE_FRAGMENT || addSpread(selection.name.value, around, collection))
    collect(fragment.selectionSet, around, collection)
}

/** Returns false for a fragment that was spread there already: it adds nothing. */
function addSpread(name: string, around: DeferUsage | undefined, { spread }: Collection): boolean {
  const names = spread.get(around) ?? new Set()
  spread.set(around, names)
  if (names.has(name)) return false
  names.add(name)
  return true
}

function isOfType(condition: string | undefined, { schema, type }: Collection): boolean {
  if (condition === undefined || condition === type.name) return true
  const other = schema.getType(condition)
  return isAbstractType(other) && schema.isSubType(other, type)
}

/**
 * Plans the part of `current` deferred fragments (none for the first part) so that no part repeats a field of another that
 * comes before it (BuildExecutionPlan of the specification).
 */
export function planWithoutRepeats({ fields }: Selection, current: Usages): FieldPlan {
  const own = new Map<string, readonly SelectedField[]>()
  const later: { usages: Usages; fields: Map<string, readonly SelectedField[]> }[] = []
  for (const [key, field] of fields) {
    const usages = outermostUsages(field)
    if (isSameSet(usages, current)) own.set(key, field)
    else {
      const known = later.find(one => isSameSet(one.usages, usages))
      if (known) known.fields.set(key, field)
      else later.push({ usages, fields: new Map([[key, field]]) })
    }
  }
  return { own, later }
}

/** Plans a part so that each deferred fragment has all of its fields, whatever other parts have. */
export function planWithRepeats({ fields, usages }: Selection, current: Usages): FieldPlan {
  const [currently] = current
  const fieldsOf = (wanted: DeferUsage | undefined): Fields => {
    const found = [...fields].map(
      ([key, field]) => [key, field.filter(({ usage }) => usage === wanted)] as const,
    )
    return new Map(found.filter(([, field]) => field.length > 0))
  }
  return {
    own: fieldsOf(currently),
    later: usages.map(usage => ({ usages: new Set([usage]), fields: fieldsOf(usage) })),
  }
}

/** Returns the deferred fragments that a field belongs to; none when it is selected outside of all. */
function outermostUsages(field: readonly SelectedField[]): Usages {
  const usages = new Set<DeferUsage>()
  for (const { usage } of field) {
    if (usage === undefined) return new Set()
    usages.add(usage)
  }
  return new Set([...usages].filter(usage => !isWithin(usage, usages)))
}

function isWithin({ parent }: DeferUsage, usages: Usages): boolean {
  for (let around = parent; around !== undefined; around = around.parent) if (usages.has(around)) return true
  return false
}

function isSameSet(one: Usages, other: Usages): boolean {
  return one.size === other.size && [...one].every(usage => other.has(usage))
}
