// An operation as the planner gets it: the same fields, in one plain form of which its plans are right. Free of plans.
import {
  type DocumentNode,
  doTypesOverlap,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
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

export type NormalizeOptions = {
  readonly schema: GraphQLSchema
  readonly names: PlanNames
  /** Interfaces that some subgraph has an object in place of. */
  readonly interfaceObjects: ReadonlySet<string>
  /** Interfaces and unions whose objects may be hidden, which their type alone tells. */
  readonly partlyHidden: ReadonlySet<string>
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

type Selected = { readonly set: SelectionSetNode; readonly type: GraphQLCompositeType }
/** Fields that count for objects of one type under the same conditions. */
type Group = {
  readonly type: GraphQLCompositeType
  readonly conditions: readonly Condition[]
  readonly fields: Map<string, { readonly node: FieldNode; readonly inner: Selected[] }>
}

/** Answered by the gateway itself. */
const INTROSPECTION: ReadonlySet<string> = new Set(['__schema', '__type'])
const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/**
 * Without fragments by name, and without fragments in fragments unless their conditions need it. Each field is there once
 * under the same conditions: it is no larger than the operation's fields times the types that they are selected of,
 * however often fragments spread one another. Mutations keep their order. Fields and variables are called as `names` says. A selection of which nothing may be left has `__typename`: a plan leaves a field out of which nothing is selected, and it would be taken for null.
 */
export function normalizeOperation(
  operation: OperationDefinitionNode,
  toPlan: NormalizeOptions,
): DocumentNode {
  const root = toPlan.schema.getRootType(operation.operation)
  if (!root) throw new Error(`the schema has no ${operation.operation}`)
  const selections = plain([{ set: operation.selectionSet, type: root }], root, {
    ...toPlan,
    root,
    inTurn: operation.operation === 'mutation',
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

/** The same with conditions at fields and not at fragments: of some operations there is a plan in this form alone. */
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

type Known = NormalizeOptions & {
  readonly root: GraphQLCompositeType
  /** Whether root fields are carried out one after the other. */
  readonly inTurn: boolean
}

function plain(selected: readonly Selected[], type: GraphQLCompositeType, known: Known): SelectionNode[] {
  const groups = new Map<string, Group>()
  const seen = new Set<string>()
  const names = new Map<string, { readonly of: GraphQLCompositeType; readonly planned: string }[]>()
  let named = false
  for (const { set, type: of } of selected) collect(set, { of, conditions: [] })
  if (known.interfaceObjects.has(type.name)) gather(groups, type, known)
  // Told of the object itself, whatever the conditions: they count when the answer is written.
  return [
    ...(named && type !== known.root ? [TYPENAME] : []),
    ...[...groups.values()].flatMap(group => write(group, type, known)),
  ]

  function collect(set: SelectionSetNode, at: At): void {
    for (const selection of set.selections) {
      const conditions = possible(addConditions(at.conditions, selection.directives))
      if (conditions === undefined) continue
      if (selection.kind === Kind.FIELD) {
        if (INTROSPECTION.has(selection.name.value)) continue
        if (selection.name.value === TYPENAME.name.value) {
          named = true
          continue
        }
        add(selection, { of: at.of, conditions })
        continue
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : known.fragments.get(selection.name.value)
      if (!fragment) continue
      for (const of of narrowed(at.of, fragment.typeCondition?.name.value, known.schema)) {
        const key = selection.kind === Kind.FRAGMENT_SPREAD && keyOf({ of, conditions }, selection.name.value)
        if (key && seen.has(key)) continue
        if (key) seen.add(key)
        collect(fragment.selectionSet, { of, conditions })
      }
    }
  }

  /** Of overlapping types, validation has seen to it that nothing but directives may differ. */
  function noteName(node: FieldNode, of: GraphQLCompositeType): void {
    const key = (node.alias ?? node.name).value
    const planned = known.names.nameOf(node)
    const others = names.get(key) ?? []
    names.set(key, others)
    if (others.some(other => other.of === of && other.planned === planned)) return
    for (const other of others)
      if (other.planned !== planned && overlap(of, other.of, known.schema))
        throw new GraphQLError(
          `${key} is selected with different directives: give each an alias of its own.`,
          {
            nodes: node,
          },
        )
    others.push({ of, planned })
  }

  function add(node: FieldNode, at: At): void {
    if (isAbstractType(at.of) && !hasField(at.of, node)) {
      for (const of of known.schema.getPossibleTypes(at.of)) add(node, { ...at, of })
      return
    }
    const name = (node.alias ?? node.name).value
    noteName(node, at.of)
    const key = keyOf(at, known.inTurn && type === known.root ? name : '')
    const group = groups.get(key) ?? { type: at.of, conditions: at.conditions, fields: new Map() }
    groups.set(key, group)
    const field = group.fields.get(name) ?? { node, inner: [] }
    group.fields.set(name, field)
    const inner = node.selectionSet && typeOf(node, at.of)
    if (inner && node.selectionSet) field.inner.push({ set: node.selectionSet, type: inner })
  }
}

type At = { readonly of: GraphQLCompositeType; readonly conditions: readonly Condition[] }

function keyOf({ of, conditions }: At, fragment: string): string {
  return `${of.name} ${conditions.map(({ variable, wanted }) => `${wanted}${variable}`).join()} ${fragment}`
}

/** In one order and each once; undefined when they cannot all hold. */
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

/** What of `of` a fragment on `condition` is about. */
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

function overlap(one: GraphQLCompositeType, other: GraphQLCompositeType, schema: GraphQLSchema): boolean {
  return one === other || doTypesOverlap(schema, one, other)
}

function hasField(type: GraphQLCompositeType, { name }: FieldNode): boolean {
  return name.value === '__typename' || ('getFields' in type && name.value in type.getFields())
}

/**
 * A field that is selected of each object type that implements `type` is selected of `type`: of fetches that differ by the
 * object type alone, from a subgraph that does not know these types, the planner keeps but one.
 */
function gather(groups: Map<string, Group>, type: GraphQLCompositeType, known: Known): void {
  if (!isAbstractType(type)) return
  const members = known.schema.getPossibleTypes(type)
  for (const { type: first, conditions, fields } of [...groups.values()]) {
    if (first !== members[0]) continue
    const others = members.map(of => groups.get(keyOf({ of, conditions }, ''))?.fields)
    for (const [name, field] of fields) {
      const text = print(writeField(field.node, field.inner, known))
      const same = others.every((those, index) => {
        const other = those?.get(name)
        const of = members[index]
        return other && of && print(writeField(other.node, other.inner, known)) === text
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
  known: Known,
): SelectionNode[] {
  const selections = [...fields.values()].map(({ node, inner }) => writeField(node, inner, known))
  if (type === within && conditions.length === 0) return selections
  const wrapped = wrap(selections, type, conditions)
  return known.inTurn && type === known.root ? wrapped.flatMap(atFields) : wrapped
}

/** The planner keeps the order of fields, not that of fragments. */
function atFields(selection: SelectionNode): readonly SelectionNode[] {
  if (selection.kind !== Kind.INLINE_FRAGMENT) return [selection]
  const { directives = [], selectionSet } = selection
  const fields = selectionSet.selections
  return fields.every(({ kind }) => kind === Kind.FIELD)
    ? fields.map(field => ({ ...field, directives }))
    : [selection]
}

function writeField(node: FieldNode, inner: readonly Selected[], known: Known): FieldNode {
  const { name, arguments: given } = node
  if (name.value === '__typename') return TYPENAME
  const planned = known.names.nameOf(node)
  const [first] = inner
  const selections = first ? plain(inner, first.type, known) : []
  const surely =
    selections.some(({ kind }) => kind === Kind.FIELD) && !(first && known.partlyHidden.has(first.type.name))
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

/** One `@include` and one `@skip` is what a fragment may have: further conditions go into fragments around it. */
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
