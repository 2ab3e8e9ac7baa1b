// Checks that a plan fetches what its operation selects: for each type, under each condition, with these arguments. Pure.
import {
  type DocumentNode,
  type FieldNode,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { analyzePlan } from '#gateway/planner/check/plan-analysis.ts'
import {
  createBudget,
  emptyShape,
  existsWhen,
  type FieldShape,
  fetchedWhen,
  type ObjectShape,
  PlanFlaw,
  type ShapeContext,
} from '#gateway/planner/check/response-shape.ts'
import { type Assignments, createTruthTable, NEVER } from '#gateway/planner/check/truth-table.ts'
import { fieldSignature, responseName } from '#gateway/planner/normalization/field-signature.ts'
import { conditionVariables } from '#gateway/planner/normalization/resolve-conditions.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

/** Why the plan does not answer `document`, which has one operation in the plain form; undefined when it does. */
export function findUncovered(
  document: DocumentNode,
  plan: PlanNode | undefined,
  types: FederatedTypes,
): string | undefined {
  const conditions = createTruthTable(conditionVariables(document))
  if (!conditions) return 'the operation has too many conditions for one plan to be checked'
  const operation = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return 'there is no operation'
  const root = emptyShape(types.rootOf(operation.operation))
  root.told = conditions.always
  const tree: ShapeContext = { types, conditions, ...readNames(document, plan, types) }
  try {
    if (plan) analyzePlan(plan, conditions.always, { tree, root, budget: createBudget() })
  } catch (error) {
    if (error instanceof PlanFlaw) return error.message
    throw error
  }
  const all = { set: operation.selectionSet, when: conditions.always }
  return lacking({ place: root, when: conditions.always, path: '' }, [all], tree)
}

/** Types that neither the operation nor the plan can tell apart are looked at once. */
function readNames(
  document: DocumentNode,
  plan: PlanNode | undefined,
  types: FederatedTypes,
): Pick<ShapeContext, 'alike' | 'mentioned'> {
  const named = new Set<string>()
  const fields = new Set<string>()
  const note = (set: DocumentNode | SelectionSetNode) => {
    visit(set, {
      Field({ name }) {
        fields.add(name.value)
      },
      NamedType({ name }) {
        named.add(name.value)
      },
    })
  }
  note(document)
  if (plan) notePlan(plan, note, named)
  const likenesses = new Map<string, string>()
  const likeness = (type: string) => {
    const known = likenesses.get(type) ?? types.likeness(type, named, fields)
    likenesses.set(type, known)
    return known
  }
  return {
    mentioned: named,
    alike(those) {
      if (those.length < 2) return those
      const firsts = new Map<string, string>()
      for (const type of those) if (!firsts.has(likeness(type))) firsts.set(likeness(type), type)
      return [...firsts.values()]
    },
  }
}

function notePlan(node: PlanNode, note: (set: SelectionSetNode) => void, named: Set<string>): void {
  switch (node.kind) {
    case 'Fetch':
    case 'BatchFetch':
      note(parseRequest(node.operation).selectionSet)
      // Representations, paths and rewrites name types, too: few of many, and each only once.
      for (const [, type] of JSON.stringify(node).matchAll(/"(\w+)"(?!:)/g)) if (type) named.add(type)
      return
    case 'Subscription':
      notePlan({ ...node.primary, kind: 'Fetch' }, note, named)
      return
    case 'Flatten':
      for (const segment of node.path)
        if (segment !== '@' && 'TypeCondition' in segment)
          for (const type of segment.TypeCondition) named.add(type)
      notePlan(node.node, note, named)
      return
    case 'Sequence':
    case 'Parallel':
      for (const inner of node.nodes) notePlan(inner, note, named)
      return
    case 'Condition':
      for (const clause of [node.ifClause, node.elseClause]) if (clause) notePlan(clause, note, named)
  }
}

type Selected = { readonly set: SelectionSetNode; readonly when: Assignments }
type Wanted = { readonly node: FieldNode; when: Assignments; readonly inner: Selected[] }
type At = { readonly place: ObjectShape; readonly when: Assignments; readonly path: string }

function lacking(
  { place, when, path }: At,
  selected: readonly Selected[],
  tree: ShapeContext,
): string | undefined {
  const wanted = new Map<string, Wanted>()
  for (const one of selected) gather(one, place.type, wanted, tree)
  for (const [key, { node, when: asked, inner }] of wanted) {
    const needed = when & asked
    if (needed === NEVER) continue
    const at = `${path}.${key}`
    const found = lackingField(node, { place, when: needed, path: at }, inner, tree)
    if (found !== undefined) return found
    if (isFetchedInVain(node, { place, when: when & ~asked }, tree))
      return `the plan fetches ${at} of ${place.type} where it is skipped`
  }
  return undefined
}

/**
 * A field that may not be null takes its neighbours with it when it fails, and a mutation is carried out: neither may
 * happen where the client skips it. What the plan needs for itself it fetches whether the client does or not.
 */
function isFetchedInVain(
  node: FieldNode,
  { place, when }: Omit<At, 'path'>,
  { types, mentioned }: ShapeContext,
): boolean {
  const { value: name } = node.name
  const matters =
    types.isRequired(place.type, name) || place.type === types.rootOf(OperationTypeNode.MUTATION)
  const field = place.fields.get(responseName(node))
  return (
    matters &&
    !mentioned.has(responseName(node)) &&
    (fetchedWhen(field, fieldSignature(node)) & when) !== NEVER
  )
}

function lackingField(
  node: FieldNode,
  { place, when, path }: At,
  inner: readonly Selected[],
  tree: ShapeContext,
): string | undefined {
  const field = place.fields.get(responseName(node))
  const text = fieldSignature(node)
  if (field === undefined || (when & ~fetchedWhen(field, text)) !== NEVER)
    return `the plan leaves out ${path} of ${place.type}`
  if (field.asked.some(other => other.text !== text && (other.when & when) !== NEVER))
    return `the plan fetches different things as ${path} of ${place.type}`
  return inner.length === 0 ? undefined : lackingBelow({ field, when, path }, inner, { node, place, tree })
}

function lackingBelow(
  { field, when, path }: { readonly field: FieldShape; readonly when: Assignments; readonly path: string },
  inner: readonly Selected[],
  {
    node,
    place: parent,
    tree,
  }: { readonly node: FieldNode; readonly place: ObjectShape; readonly tree: ShapeContext },
): string | undefined {
  const { types } = tree
  const declared = types.publicFieldType(parent.type, node.name.value)
  const isAbstract = declared !== undefined && types.isAbstract(declared)
  for (const [type, place] of field.places) {
    if (types.isHidden(type)) continue
    const exists = when & existsWhen(field, type)
    if (exists === NEVER) continue
    const selected = inner.map(one => ({ set: one.set, when: one.when & exists }))
    const needed = isAbstract ? dependsOnType(selected, declared, tree) : NEVER
    if ((needed & exists & ~place.told) !== NEVER) return `the plan does not tell the type of ${path}`
    const found = lacking({ place, when: exists, path }, selected, tree)
    if (found !== undefined) return found
  }
  return undefined
}

/** When what is shown of an object depends on its type. */
function dependsOnType(
  selected: readonly Selected[],
  declared: string,
  { conditions }: ShapeContext,
): Assignments {
  let when = NEVER
  for (const { set, when: counts } of selected)
    for (const selection of set.selections)
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const of = selection.typeCondition?.name.value ?? declared
        if (of !== declared) when |= counts & conditions.whenIncluded(selection.directives)
      }
  return when
}

function gather(
  { set, when }: Selected,
  type: string,
  wanted: Map<string, Wanted>,
  tree: ShapeContext,
): void {
  const { types, conditions } = tree
  for (const selection of set.selections) {
    const counts = when & conditions.whenIncluded(selection.directives)
    if (counts === NEVER || selection.kind === Kind.FRAGMENT_SPREAD) continue
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      if (types.covers(selection.typeCondition?.name.value ?? type, type))
        gather({ set: selection.selectionSet, when: counts }, type, wanted, tree)
      continue
    }
    if (selection.name.value.startsWith('__')) continue
    const known = wanted.get(responseName(selection)) ?? { node: selection, when: NEVER, inner: [] }
    wanted.set(responseName(selection), known)
    known.when |= counts
    if (selection.selectionSet) known.inner.push({ set: selection.selectionSet, when: counts })
  }
}
