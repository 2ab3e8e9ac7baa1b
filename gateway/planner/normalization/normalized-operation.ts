// Normalizes an operation for the planner: the same fields, in a form for which its plans are right.
import {
  type DocumentNode,
  doTypesOverlap,
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  type InlineFragmentNode,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import { addConditions, type Condition } from '#gateway/planner/normalization/collect-fields.ts'
import { type PlanNames, renameVariables } from '#gateway/planner/normalization/plan-names.ts'

type NormalizeOptions = {
  readonly schema: GraphQLSchema
  readonly names: PlanNames
  /** Interfaces of which some subgraph has an interface object. */
  readonly interfaceObjects: ReadonlySet<string>
  /** Interfaces and unions some of whose types are hidden: only its type shows whether an object is. */
  readonly partlyHidden: ReadonlySet<string>
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

type Selected = { readonly set: SelectionSetNode; readonly type: GraphQLCompositeType }
/** Fields that are selected of one type under the same conditions. */
type Group = {
  readonly type: GraphQLCompositeType
  readonly conditions: readonly Condition[]
  readonly fields: Map<string, { readonly node: FieldNode; readonly inner: Selected[] }>
}

/** The gateway responds to these itself. */
const INTROSPECTION: ReadonlySet<string> = new Set(['__schema', '__type'])
const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/**
 * Inlines named fragments, and nests fragments only where their conditions need it. Each field is there once under the same
 * conditions, so that the result is no larger than the fields of the operation times the types that they are selected of,
 * however often fragments spread one another. Mutations keep their order. Fields and variables have the names of `names`. A
 * selection of which nothing may be left has `__typename`: plans leave out a field without selections, and it would be null.
 */
export function normalizeOperation(
  operation: OperationDefinitionNode,
  toPlan: NormalizeOptions,
): DocumentNode {
  const root = toPlan.schema.getRootType(operation.operation)
  if (!root) throw new Error(`the schema has no ${operation.operation}`)
  const selections = normalize([{ set: operation.selectionSet, type: root }], root, {
    ...toPlan,
    root,
    isSerial: operation.operation === 'mutation',
  })
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      {
        ...operation,
        selectionSet: {
          kind: Kind.SELECTION_SET,
          selections: selections.length > 0 ? selections : [TYPENAME],
        },
      },
    ],
  }
  return renameVariables(document, toPlan.names.variables)
}

/** Moves conditions from fragments to their fields: of some operations there is a plan in this form only. */
export function moveConditionsToFields(planned: DocumentNode): DocumentNode {
  return visit(planned, {
    InlineFragment: {
      leave({ directives = [], selectionSet, ...rest }) {
        const { selections } = selectionSet
        if (directives.length === 0 || selections.some(({ kind }) => kind !== Kind.FIELD)) return undefined
        const conditional = selections.map(field => ({ ...field, directives }))
        return { ...rest, selectionSet: { ...selectionSet, selections: conditional } }
      },
    },
  })
}

type Normalization = NormalizeOptions & {
  readonly root: GraphQLCompositeType
  /** Tells whether root fields run one after the other. */
  readonly isSerial: boolean
}

/** The selections of one object, while they are collected. */
type Collection = Normalization & {
  readonly type: GraphQLCompositeType
  readonly groups: Map<string, Group>
  readonly seen: Set<string>
  /** By response name, the fields in the plan that it stands for, with the types that they are selected of. */
  readonly fieldsByName: Map<string, { readonly of: GraphQLCompositeType; readonly planned: string }[]>
  selectsTypename: boolean
}

function normalize(
  selected: readonly Selected[],
  type: GraphQLCompositeType,
  normalization: Normalization,
): SelectionNode[] {
  const collection: Collection = {
    ...normalization,
    type,
    groups: new Map(),
    seen: new Set(),
    fieldsByName: new Map(),
    selectsTypename: false,
  }
  const { groups, interfaceObjects, root } = collection
  for (const { set, type: of } of selected) collect(set, { of, conditions: [] }, collection)
  if (interfaceObjects.has(type.name)) gather(groups, type, normalization)
  // `__typename` is fetched in any case: its conditions count when the response is written.
  return [
    ...(collection.selectsTypename && type !== root ? [TYPENAME] : []),
    ...[...groups.values()].flatMap(group => write(group, type, normalization)),
  ]
}

function collect(set: SelectionSetNode, at: At, collection: Collection): void {
  for (const selection of set.selections) {
    const conditions = possible(addConditions(at.conditions, selection.directives))
    if (conditions === undefined) continue
    if (selection.kind === Kind.FIELD) collectField(selection, { of: at.of, conditions }, collection)
    else collectFragment(selection, { of: at.of, conditions }, collection)
  }
}

function collectField(node: FieldNode, at: At, collection: Collection): void {
  const { value: name } = node.name
  if (name === TYPENAME.name.value) collection.selectsTypename = true
  else if (!INTROSPECTION.has(name)) addField(node, at, collection)
}

function collectFragment(
  node: InlineFragmentNode | FragmentSpreadNode,
  { of: type, conditions }: At,
  collection: Collection,
): void {
  const { fragments, schema, seen } = collection
  const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : fragments.get(node.name.value)
  if (!fragment) return
  for (const of of narrowed(type, fragment.typeCondition?.name.value, schema)) {
    const key = node.kind === Kind.FRAGMENT_SPREAD && keyOf({ of, conditions }, node.name.value)
    if (key && seen.has(key)) continue
    if (key) seen.add(key)
    collect(fragment.selectionSet, { of, conditions }, collection)
  }
}

function addField(node: FieldNode, at: At, collection: Collection): void {
  const { groups, isSerial, root, schema, type } = collection
  if (isAbstractType(at.of) && !hasField(at.of, node)) {
    for (const of of schema.getPossibleTypes(at.of)) addField(node, { ...at, of }, collection)
    return
  }
  const name = (node.alias ?? node.name).value
  checkDirectives(node, at.of, collection)
  const key = keyOf(at, isSerial && type === root ? name : '')
  const group = groups.get(key) ?? { type: at.of, conditions: at.conditions, fields: new Map() }
  groups.set(key, group)
  const field = group.fields.get(name) ?? { node, inner: [] }
  group.fields.set(name, field)
  const inner = node.selectionSet && typeOf(node, at.of)
  if (inner && node.selectionSet) field.inner.push({ set: node.selectionSet, type: inner })
}

/** Throws a GraphQLError for a response name with different directives: validation allows it, one object cannot have both. */
function checkDirectives(node: FieldNode, of: GraphQLCompositeType, collection: Collection): void {
  const key = (node.alias ?? node.name).value
  const planned = collection.names.nameOf(node)
  const others = collection.fieldsByName.get(key) ?? []
  collection.fieldsByName.set(key, others)
  if (others.some(other => other.of === of && other.planned === planned)) return
  for (const other of others)
    if (other.planned !== planned && doTypesOverlap(collection.schema, of, other.of))
      throw new GraphQLError(`${key} is selected with different directives: give each an alias of its own.`, {
        nodes: node,
      })
  others.push({ of, planned })
}

type At = { readonly of: GraphQLCompositeType; readonly conditions: readonly Condition[] }

function keyOf({ of, conditions }: At, fragment: string): string {
  return `${of.name} ${conditions.map(({ variable, wanted }) => `${wanted}${variable}`).join()} ${fragment}`
}

/** Sorts the conditions and removes duplicates. Returns undefined when they cannot all hold. */
function possible(conditions: readonly Condition[] | undefined): readonly Condition[] | undefined {
  if (conditions === undefined || conditions.length < 2) return conditions
  const wanted = new Map<string, boolean>()
  for (const one of conditions) {
    if (wanted.has(one.variable) && wanted.get(one.variable) !== one.wanted) return undefined
    wanted.set(one.variable, one.wanted)
  }
  return [...wanted]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([variable, value]) => ({ variable, wanted: value }))
}

/** Returns the types to which a fragment on `condition` applies, within `of`. */
function narrowed(
  of: GraphQLCompositeType,
  condition: string | undefined,
  schema: GraphQLSchema,
): readonly GraphQLCompositeType[] {
  const other = condition === undefined ? of : schema.getType(condition)
  if (!isCompositeType(other)) return []
  const those = isAbstractType(of) ? schema.getPossibleTypes(of) : [of]
  const both = those.filter(one => one === other || (isAbstractType(other) && schema.isSubType(other, one)))
  if (both.length === those.length) return [of]
  return isInterfaceType(of) && isInterfaceType(other) && schema.isSubType(of, other) ? [other] : both
}

function hasField(type: GraphQLCompositeType, { name }: FieldNode): boolean {
  return name.value === '__typename' || ('getFields' in type && name.value in type.getFields())
}

/**
 * Selects of the interface `type` what is selected of each of its object types: of fetches that differ by the object type
 * alone, from a subgraph that does not know these types, the planner keeps only one.
 */
function gather(groups: Map<string, Group>, type: GraphQLCompositeType, normalization: Normalization): void {
  if (!isAbstractType(type)) return
  const members = normalization.schema.getPossibleTypes(type)
  for (const { type: first, conditions, fields } of [...groups.values()]) {
    if (first !== members[0]) continue
    const others = members.map(of => groups.get(keyOf({ of, conditions }, ''))?.fields)
    for (const [name, field] of fields) {
      const text = print(writeField(field.node, field.inner, normalization))
      const same = others.every((those, index) => {
        const other = those?.get(name)
        const of = members[index]
        return other && of && print(writeField(other.node, other.inner, normalization)) === text
      })
      if (!same || !hasField(type, field.node)) continue
      const key = keyOf({ of: type, conditions }, '')
      const group = groups.get(key) ?? { type, conditions, fields: new Map() }
      groups.set(key, group)
      const found = group.fields.get(name)
      if (found) found.inner.push(...field.inner)
      else group.fields.set(name, field)
      group.fields.set('__typename', { node: TYPENAME, inner: [] }) // what is shown still depends on the type
      for (const those of others) those?.delete(name)
    }
  }
  for (const [key, { fields }] of groups) if (fields.size === 0) groups.delete(key)
}

function typeOf({ name }: FieldNode, of: GraphQLCompositeType): GraphQLCompositeType | undefined {
  const field = 'getFields' in of ? of.getFields()[name.value] : undefined
  const type = field && getNamedType(field.type)
  return isCompositeType(type) ? type : undefined
}

function write(
  { type, conditions, fields }: Group,
  within: GraphQLCompositeType,
  normalization: Normalization,
): SelectionNode[] {
  const selections = [...fields.values()].map(({ node, inner }) => writeField(node, inner, normalization))
  if (type === within && conditions.length === 0) return selections
  const wrapped = wrap(selections, type, conditions)
  return normalization.isSerial && type === normalization.root ? wrapped.flatMap(atFields) : wrapped
}

/** Moves directives to fields: the planner keeps the order of fields, not that of fragments. */
function atFields(selection: SelectionNode): readonly SelectionNode[] {
  if (selection.kind !== Kind.INLINE_FRAGMENT) return [selection]
  const { directives = [], selectionSet } = selection
  const fields = selectionSet.selections
  return fields.every(({ kind }) => kind === Kind.FIELD)
    ? fields.map(field => ({ ...field, directives }))
    : [selection]
}

function writeField(node: FieldNode, inner: readonly Selected[], normalization: Normalization): FieldNode {
  const { name, arguments: given } = node
  if (name.value === '__typename') return TYPENAME
  const planned = normalization.names.nameOf(node)
  const [first] = inner
  const selections = first ? normalize(inner, first.type, normalization) : []
  const surely =
    selections.some(({ kind }) => kind === Kind.FIELD) &&
    !(first && normalization.partlyHidden.has(first.type.name))
  return {
    kind: Kind.FIELD,
    name,
    ...(planned !== name.value && { alias: { kind: Kind.NAME, value: planned } }),
    ...(given && { arguments: given }),
    ...(first && {
      selectionSet: {
        kind: Kind.SELECTION_SET,
        selections: surely ? selections : [TYPENAME, ...selections],
      },
    }),
  }
}

/** A fragment may have one `@include` and one `@skip`: further conditions go into fragments around it. */
function wrap(
  selections: readonly SelectionNode[],
  type: GraphQLCompositeType,
  conditions: readonly Condition[],
): SelectionNode[] {
  const include = conditions.find(({ wanted }) => wanted)
  const skip = conditions.find(({ wanted }) => !wanted)
  const rest = conditions.filter(one => one !== include && one !== skip)
  const fragment: SelectionNode = {
    kind: Kind.INLINE_FRAGMENT,
    typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: type.name } },
    directives: [include, skip].flatMap(one => (one ? directive(one) : [])),
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  }
  return rest.length > 0 ? wrap([fragment], type, rest) : [fragment]
}

function directive({ variable, wanted }: Condition) {
  return {
    kind: Kind.DIRECTIVE as const,
    name: { kind: Kind.NAME as const, value: wanted ? 'include' : 'skip' },
    arguments: [
      {
        kind: Kind.ARGUMENT as const,
        name: { kind: Kind.NAME as const, value: 'if' },
        value: {
          kind: Kind.VARIABLE as const,
          name: { kind: Kind.NAME as const, value: variable },
        },
      },
    ],
  }
}
