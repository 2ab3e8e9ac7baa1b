// Checks that a plan fetches what its operation selects: of each type, under each condition, with the same arguments.
import {
  type DocumentNode,
  type FieldNode,
  getOperationAST,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { analyzePlan } from '#gateway/planner/check/plan-analysis.ts'
import {
  type Analysis,
  emptyShape,
  existsWhen,
  type FieldShape,
  fetchedWhen,
  type ObjectShape,
  PlanFlaw,
} from '#gateway/planner/check/response-shape.ts'
import { type Assignments, createTruthTable, NEVER } from '#gateway/planner/check/truth-table.ts'
import { fieldSignature, responseName } from '#gateway/planner/normalization/field-signature.ts'
import { conditionVariables } from '#gateway/planner/normalization/resolve-conditions.ts'
import { type PlanNode, walkPlan } from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

const MAX_OBJECTS = 100_000

/** Returns why the plan does not cover the normalized operation in `document`; undefined when it does. */
export function findUncovered(
  document: DocumentNode,
  plan: PlanNode | undefined,
  types: FederatedTypes,
): string | undefined {
  const conditions = createTruthTable(conditionVariables(document))
  if (!conditions) return 'the operation has too many conditions for one plan to be checked'
  const operation = getOperationAST(document)
  if (!operation) return 'there is no operation'
  const when = conditions.always
  const root = { ...emptyShape(types.rootOf(operation.operation)), typename: when }
  const names = namesIn(document, plan)
  const representatives = createRepresentatives(names, types)
  const analysis = { types, conditions, root, names: names.types, representatives, objectsLeft: MAX_OBJECTS }
  try {
    if (plan) analyzePlan(plan, when, analysis)
  } catch (error) {
    if (error instanceof PlanFlaw) return error.message
    throw error
  }
  return findMissing({ object: root, when, path: '' }, [{ set: operation.selectionSet, when }], analysis)
}

type Names = { readonly types: Set<string>; readonly fields: Set<string> }

/** Returns the names of types and fields that the operation and the plan mention. */
function namesIn(document: DocumentNode, plan: PlanNode | undefined): Names {
  const names: Names = { types: new Set(), fields: new Set() }
  addNames(document, names)
  for (const node of plan ? walkPlan(plan) : [])
    if (node.kind === 'Fetch' || node.kind === 'BatchFetch') {
      addNames(parseRequest(node.operation).selectionSet, names)
      // Representations, paths and rewrites name types, too: few of many, and each only once.
      for (const [, name] of JSON.stringify(node).matchAll(/"(\w+)"(?!:)/g)) if (name) names.types.add(name)
    } else if (node.kind === 'Flatten') {
      for (const segment of node.path)
        if (segment !== '@' && 'TypeCondition' in segment)
          for (const type of segment.TypeCondition) names.types.add(type)
    }
  return names
}

function addNames(node: DocumentNode | SelectionSetNode, { types, fields }: Names): void {
  visit(node, {
    Field({ name }) {
      fields.add(name.value)
    },
    NamedType({ name }) {
      types.add(name.value)
    },
  })
}

/** Types that neither the operation nor the plan can tell apart are looked at once. */
function createRepresentatives(names: Names, types: FederatedTypes): Analysis['representatives'] {
  const keys = new Map<string, string>()
  const keyOf = (type: string) => {
    const key = keys.get(type) ?? types.equivalenceKey(type, names.types, names.fields)
    keys.set(type, key)
    return key
  }
  return those => {
    if (those.length < 2) return those
    const firsts = new Map<string, string>()
    for (const type of those) if (!firsts.has(keyOf(type))) firsts.set(keyOf(type), type)
    return [...firsts.values()]
  }
}

type SelectedSet = { readonly set: SelectionSetNode; readonly when: Assignments }
type SelectedField = { readonly node: FieldNode; when: Assignments; readonly inner: SelectedSet[] }
type Position = { readonly object: ObjectShape; readonly when: Assignments; readonly path: string }

/** Returns what the plan lacks of the selections at one position, or fetches although it is skipped. */
function findMissing(
  { object, when, path }: Position,
  selected: readonly SelectedSet[],
  analysis: Analysis,
): string | undefined {
  const fields = new Map<string, SelectedField>()
  for (const one of selected) collectSelected(one, { type: object.type, fields }, analysis)
  for (const [key, field] of fields) {
    const needed = when & field.when
    if (needed === NEVER) continue
    const at = { object, when: needed, path: `${path}.${key}` }
    const found = findMissingField(field, at, analysis)
    if (found !== undefined) return found
    if (isFetchedInVain(field.node, { object, when: when & ~field.when }, analysis))
      return `the plan fetches ${at.path} of ${object.type} where it is skipped`
  }
  return undefined
}

/**
 * A non-null field nulls its parent when it fails, and a mutation has an effect: neither may happen where the client skips
 * the field. What the plan needs itself it fetches in any case.
 */
function isFetchedInVain(
  node: FieldNode,
  { object, when }: Omit<Position, 'path'>,
  { types, names }: Analysis,
): boolean {
  const name = responseName(node)
  const matters =
    types.isRequired(object.type, node.name.value) || object.type === types.rootOf(OperationTypeNode.MUTATION)
  if (!matters || names.has(name)) return false
  return (fetchedWhen(object.fields.get(name), fieldSignature(node)) & when) !== NEVER
}

function findMissingField(
  { node, inner }: SelectedField,
  { object, when, path }: Position,
  analysis: Analysis,
): string | undefined {
  const field = object.fields.get(responseName(node))
  const signature = fieldSignature(node)
  if (field === undefined || (when & ~fetchedWhen(field, signature)) !== NEVER)
    return `the plan leaves out ${path} of ${object.type}`
  if (field.fetches.some(other => other.signature !== signature && (other.when & when) !== NEVER))
    return `the plan fetches different things as ${path} of ${object.type}`
  if (inner.length === 0) return undefined
  const declared = analysis.types.publicFieldType(object.type, node.name.value)
  return findMissingBelow(inner, { field, declared, when, path }, analysis)
}

type FieldPosition = Omit<Position, 'object'> & {
  readonly field: FieldShape
  readonly declared: string | undefined
}

function findMissingBelow(
  inner: readonly SelectedSet[],
  { field, declared, when, path }: FieldPosition,
  analysis: Analysis,
): string | undefined {
  const { types } = analysis
  const isAbstract = declared !== undefined && types.isAbstract(declared)
  for (const [type, object] of field.objects) {
    if (types.isHidden(type)) continue
    const exists = when & existsWhen(field, type)
    if (exists === NEVER) continue
    const selected = inner.map(one => ({ set: one.set, when: one.when & exists }))
    const needsTypename = isAbstract ? dependsOnType(selected, declared, analysis) : NEVER
    if ((needsTypename & exists & ~object.typename) !== NEVER)
      return `the plan does not fetch the type of ${path}`
    const found = findMissing({ object, when: exists, path }, selected, analysis)
    if (found !== undefined) return found
  }
  return undefined
}

/** Returns when the response depends on the type of the object. */
function dependsOnType(
  selected: readonly SelectedSet[],
  declared: string,
  { conditions }: Analysis,
): Assignments {
  let when = NEVER
  for (const { set, when: counts } of selected)
    for (const selection of set.selections)
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const condition = selection.typeCondition?.name.value ?? declared
        if (condition !== declared) when |= counts & conditions.whenIncluded(selection.directives)
      }
  return when
}

type Collected = { readonly type: string; readonly fields: Map<string, SelectedField> }

/** Collects the fields that are selected of a type, and when. */
function collectSelected({ set, when }: SelectedSet, collected: Collected, analysis: Analysis): void {
  const { type, fields } = collected
  for (const selection of set.selections) {
    const counts = when & analysis.conditions.whenIncluded(selection.directives)
    if (counts === NEVER || selection.kind === Kind.FRAGMENT_SPREAD) continue
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      if (analysis.types.covers(selection.typeCondition?.name.value ?? type, type))
        collectSelected({ set: selection.selectionSet, when: counts }, collected, analysis)
      continue
    }
    if (selection.name.value.startsWith('__')) continue
    const field = fields.get(responseName(selection)) ?? { node: selection, when: NEVER, inner: [] }
    fields.set(responseName(selection), field)
    field.when |= counts
    if (selection.selectionSet) field.inner.push({ set: selection.selectionSet, when: counts })
  }
}
