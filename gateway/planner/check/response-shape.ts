// Describes the response that a plan has built so far, by position and by the type that the object there turns out to have.
import { type FieldNode, Kind, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { type Assignments, NEVER, type TruthTable } from '#gateway/planner/check/truth-table.ts'
import { fieldSignature, responseName } from '#gateway/planner/normalization/field-signature.ts'
import type { RewritePath } from '#gateway/planner/plan/query-plan.ts'

/** An object of one type, which stands for all types that neither the operation nor its plan tells apart. */
export type ObjectShape = {
  readonly type: string
  /** When `__typename` is fetched and is the type itself. */
  typename: Assignments
  /** When `__typename` is that of an interface object, by the interface. */
  readonly interfaceTypenames: Map<string, Assignments>
  readonly fields: Map<string, FieldShape>
}

export type FieldShape = {
  readonly fetches: FieldFetch[]
  /** By type. */
  readonly objects: Map<string, ObjectShape>
}

/** The data fetched under the field's response name, its conditions, and the types that the value may have. */
type FieldFetch = {
  readonly signature: string
  readonly when: Assignments
  readonly possible: ReadonlySet<string>
}

/** One check of a plan. */
export type Analysis = {
  readonly types: FederatedTypes
  readonly conditions: TruthTable
  readonly root: ObjectShape
  /** The names that the operation's type conditions and the plan's representations, paths and rewrites have. */
  readonly names: ReadonlySet<string>
  /** Keeps the first of several types that are equivalent, in the order given. */
  representatives(types: readonly string[]): readonly string[]
  /** How many more objects the check may look at. */
  objectsLeft: number
}

/** An object in a subgraph's response: `local` is the type that it has there. */
export type LocalObject = { readonly object: ObjectShape; readonly local: string; readonly when: Assignments }

type Request = { readonly analysis: Analysis; readonly service: string }

/** Part of the reason why an operation is refused that selects a field with such an argument. */
export const FROM_CONTEXT = 'from its context (@fromContext)'

/** Why a plan cannot be used. */
export class PlanFlaw extends Error {}

export function emptyShape(type: string): ObjectShape {
  return { type, typename: NEVER, interfaceTypenames: new Map(), fields: new Map() }
}

/** Adds what `service` responds to `set`. Throws PlanFlaw when the plan is too large, or a field needs its context. */
export function addResponse(set: SelectionSetNode, target: LocalObject, request: Request): void {
  const { types, conditions } = request.analysis
  for (const selection of set.selections) {
    const when = target.when & conditions.whenIncluded(selection.directives)
    if (when === NEVER || selection.kind === Kind.FRAGMENT_SPREAD) continue
    if (selection.kind === Kind.FIELD) addField(selection, { ...target, when }, request)
    else if (types.covers(selection.typeCondition?.name.value ?? target.local, target.local))
      addResponse(selection.selectionSet, { ...target, when }, request)
  }
}

function addField(node: FieldNode, target: LocalObject, { analysis, service }: Request): void {
  const { object, local, when } = target
  const { types } = analysis
  const { value: name } = node.name
  if (name === '__typename') {
    if (responseName(node) === '__typename') addTypename(target)
    return
  }
  if (types.takesContext(service, local, name))
    throw new PlanFlaw(`${local}.${name} takes an argument ${FROM_CONTEXT}, which this gateway does not set`)
  const declared = node.selectionSet && types.fieldType(service, local, name)
  const possible = declared === undefined ? [] : analysis.representatives(types.possibleIn(service, declared))
  const field: FieldShape = object.fields.get(responseName(node)) ?? { fetches: [], objects: new Map() }
  object.fields.set(responseName(node), field)
  field.fetches.push({ signature: fieldSignature(node), when, possible: new Set(possible) })
  if (declared === undefined || !node.selectionSet) return
  const isInterfaceObject = types.isInterfaceObject(service, declared)
  for (const type of possible) {
    if (--analysis.objectsLeft < 0) throw new PlanFlaw('the plan is too large to be checked')
    const inner = field.objects.get(type) ?? emptyShape(type)
    field.objects.set(type, inner)
    const at = { object: inner, local: isInterfaceObject ? declared : type, when }
    addResponse(node.selectionSet, at, { analysis, service })
  }
}

function addTypename({ object, local, when }: LocalObject): void {
  const { interfaceTypenames } = object
  if (local === object.type) object.typename |= when
  else interfaceTypenames.set(local, (interfaceTypenames.get(local) ?? NEVER) | when)
}

/** Merges shapes of one type. */
export function mergeShapes(target: ObjectShape, source: ObjectShape): void {
  target.typename |= source.typename
  for (const [local, when] of source.interfaceTypenames) addTypename({ object: target, local, when })
  for (const [key, field] of source.fields) {
    const known = target.fields.get(key)
    if (known) mergeFields(known, field)
    else target.fields.set(key, field)
  }
}

function mergeFields(target: FieldShape, source: FieldShape): void {
  target.fetches.push(...source.fetches)
  for (const [type, object] of source.objects) {
    const known = target.objects.get(type)
    if (known) mergeShapes(known, object)
    else target.objects.set(type, object)
  }
}

/** Renames the fields that the path leads to, as the executor does in a subgraph's response. */
export function renameField(object: ObjectShape, rename: KeyRename, types: FederatedTypes): void {
  const { path, to } = rename
  const [segment, ...rest] = path
  if (segment === undefined) return
  if ('TypenameEquals' in segment) {
    const names = [object.type, ...object.interfaceTypenames.keys()]
    if (segment.TypenameEquals.some(one => names.some(name => types.covers(one, name))))
      renameField(object, { path: rest, to }, types)
    return
  }
  const field = object.fields.get(segment.Key)
  if (!field) return
  if (rest.length > 0) {
    for (const inner of field.objects.values()) renameField(inner, { path: rest, to }, types)
    return
  }
  object.fields.delete(segment.Key)
  const known = object.fields.get(to)
  if (known) mergeFields(known, field)
  else object.fields.set(to, field)
}

type KeyRename = { readonly path: RewritePath; readonly to: string }

/** Returns when the field was fetched, with any signature or with the given one. */
export function fetchedWhen(field: FieldShape | undefined, signature?: string): Assignments {
  let when = NEVER
  for (const fetch of field?.fetches ?? [])
    if (signature === undefined || fetch.signature === signature) when |= fetch.when
  return when
}

/** Returns when there may be an object of the type: no subgraph that the field was fetched from rules it out. */
export function existsWhen(field: FieldShape, type: string): Assignments {
  let when = fetchedWhen(field)
  for (const fetch of field.fetches) if (!fetch.possible.has(type)) when &= ~fetch.when
  return when
}

/** Returns what `__typename` may be, and when. */
export function typenamesOf({
  type,
  typename,
  interfaceTypenames,
}: ObjectShape): ReadonlyMap<string, Assignments> {
  const names = new Map<string, Assignments>()
  if (typename !== NEVER) names.set(type, typename)
  for (const [name, when] of interfaceTypenames)
    if ((when & ~typename) !== NEVER) names.set(name, when & ~typename)
  return names
}

/** Tells whether the executor takes an object whose `__typename` is `name` for a `condition`. */
export function typenameMatches(name: string, condition: string, types: FederatedTypes): boolean {
  return name === condition || (!types.isAbstract(name) && types.covers(condition, name))
}
