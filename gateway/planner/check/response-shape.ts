// What a plan has fetched so far, by place and by the type that the object there turns out to have. For one check of a plan.
import { type FieldNode, Kind, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { type Assignments, NEVER, type TruthTable } from '#gateway/planner/check/truth-table.ts'
import { fieldSignature, responseName } from '#gateway/planner/normalization/field-signature.ts'
import type { RewritePath } from '#gateway/planner/plan/query-plan.ts'

/** An object of one type, which stands for all types that the operation and its plan do not tell apart. */
export type ObjectShape = {
  readonly type: string
  /** When `__typename` says the type itself. */
  told: Assignments
  /** When it says an interface that a subgraph has an object in place of. */
  readonly toldAs: Map<string, Assignments>
  readonly fields: Map<string, FieldShape>
}

export type FieldShape = {
  /** What was asked under this name, when, and which types the answer may have. */
  readonly asked: Asked[]
  readonly places: Map<string, ObjectShape>
}
type Asked = { readonly text: string; readonly when: Assignments; readonly possible: ReadonlySet<string> }

export type ShapeContext = {
  readonly types: FederatedTypes
  readonly conditions: TruthTable
  /** Names that the plan mentions in representations, paths and rewrites. */
  readonly mentioned: ReadonlySet<string>
  /** Keeps one of several types that are alike, in the order given. */
  alike(types: readonly string[]): readonly string[]
}

/** Stands in the reason why an operation is refused that selects a field with such an argument. */
export const FROM_CONTEXT = 'from its context (@fromContext)'

/** Why a plan is not to be carried out, found while it is looked at. */
export class PlanFlaw extends Error {}
const MAX_PLACES = 100_000

export function emptyShape(type: string): ObjectShape {
  return { type, told: NEVER, toldAs: new Map(), fields: new Map() }
}

export type RequestContext = {
  readonly tree: ShapeContext
  readonly service: string
  /** Places that one check may look at. */
  readonly budget: { places: number }
}

export function createBudget(): RequestContext['budget'] {
  return { places: MAX_PLACES }
}

/** Puts into `place` what `service`, where the object is a `local`, answers to `set`. */
export function addResponse(
  set: SelectionSetNode,
  { place, local, when }: { readonly place: ObjectShape; readonly local: string; readonly when: Assignments },
  answering: RequestContext,
): void {
  const { types, conditions } = answering.tree
  for (const selection of set.selections) {
    const counts = when & conditions.whenIncluded(selection.directives)
    if (counts === NEVER || selection.kind === Kind.FRAGMENT_SPREAD) continue
    if (selection.kind === Kind.FIELD) answerField(selection, { place, local, when: counts }, answering)
    else if (types.covers(selection.typeCondition?.name.value ?? local, local))
      addResponse(selection.selectionSet, { place, local, when: counts }, answering)
  }
}

function answerField(
  node: FieldNode,
  { place, local, when }: { readonly place: ObjectShape; readonly local: string; readonly when: Assignments },
  answering: RequestContext,
): void {
  const { tree, service, budget } = answering
  if (node.name.value === '__typename') {
    tell(place, local, when, node)
    return
  }
  if (tree.types.contextArguments(service, local, node.name.value).length > 0)
    throw new PlanFlaw(
      `${local}.${node.name.value} takes an argument ${FROM_CONTEXT}, which this gateway does not set`,
    )
  const named = tree.types.fieldType(service, local, node.name.value)
  const possible = named === undefined || !node.selectionSet ? [] : tree.types.possibleIn(service, named)
  const field: FieldShape = place.fields.get(responseName(node)) ?? { asked: [], places: new Map() }
  place.fields.set(responseName(node), field)
  const types = tree.alike(possible)
  field.asked.push({ text: fieldSignature(node), when, possible: new Set(types) })
  if (named === undefined || !node.selectionSet) return
  const standsIn = tree.types.isInterfaceObject(service, named)
  for (const type of types) {
    if (--budget.places < 0) throw new PlanFlaw('the plan is too large to be checked')
    const inner = field.places.get(type) ?? emptyShape(type)
    field.places.set(type, inner)
    addResponse(node.selectionSet, { place: inner, local: standsIn ? named : type, when }, answering)
  }
}

function tell(place: ObjectShape, local: string, when: Assignments, { alias }: FieldNode): void {
  if (alias && alias.value !== '__typename') return
  if (local === place.type) place.told |= when
  else place.toldAs.set(local, (place.toldAs.get(local) ?? NEVER) | when)
}

/** Both are of one type. */
export function mergeShapes(target: ObjectShape, source: ObjectShape): void {
  target.told |= source.told
  for (const [type, when] of source.toldAs) target.toldAs.set(type, (target.toldAs.get(type) ?? NEVER) | when)
  for (const [key, field] of source.fields) {
    const known = target.fields.get(key)
    if (known) mergeFields(known, field)
    else target.fields.set(key, field)
  }
}

function mergeFields(target: FieldShape, source: FieldShape): void {
  target.asked.push(...source.asked)
  for (const [type, place] of source.places) {
    const known = target.places.get(type)
    if (known) mergeShapes(known, place)
    else target.places.set(type, place)
  }
}

/** Renames a field of what a subgraph answered, as the executor does. */
export function renameField(place: ObjectShape, path: RewritePath, to: string, types: FederatedTypes): void {
  const [segment, ...rest] = path
  if (segment === undefined) return
  if ('TypenameEquals' in segment) {
    const names = [place.type, ...place.toldAs.keys()]
    if (segment.TypenameEquals.some(one => names.some(name => types.covers(one, name))))
      renameField(place, rest, to, types)
    return
  }
  const field = place.fields.get(segment.Key)
  if (!field) return
  if (rest.length > 0) {
    for (const inner of field.places.values()) renameField(inner, rest, to, types)
    return
  }
  place.fields.delete(segment.Key)
  const known = place.fields.get(to)
  if (known) mergeFields(known, field)
  else place.fields.set(to, field)
}

/** When the field was fetched at all, or asked for by just that text. */
export function fetchedWhen(field: FieldShape | undefined, text?: string): Assignments {
  let when = NEVER
  for (const asked of field?.asked ?? []) if (text === undefined || asked.text === text) when |= asked.when
  return when
}

/** When there may be an object of the type: no subgraph that has told of the field rules it out. */
export function existsWhen(field: FieldShape, type: string): Assignments {
  let when = fetchedWhen(field)
  for (const { when: asked, possible } of field.asked) if (!possible.has(type)) when &= ~asked
  return when
}

/** What `__typename` may say at the place, and when. */
export function typenamesAt(place: ObjectShape): ReadonlyMap<string, Assignments> {
  const names = new Map<string, Assignments>()
  if (place.told !== NEVER) names.set(place.type, place.told)
  for (const [type, when] of place.toldAs) {
    const only = when & ~place.told
    if (only !== NEVER) names.set(type, only)
  }
  return names
}

/** Whether an object whose `__typename` is `name` is taken for a `condition` by the executor. */
export function typenameMatches(name: string, condition: string, types: FederatedTypes): boolean {
  return name === condition || (!types.isAbstract(name) && types.covers(condition, name))
}
