// Finds when entities can be fetched: all that goes into their representations has been fetched, and includes a key.
import { Kind, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { leavesOf } from '#gateway/planner/check/requirements.ts'
import {
  type Analysis,
  existsWhen,
  type FieldShape,
  fetchedWhen,
  type ObjectShape,
  PlanFlaw,
  typenameMatches,
  typenamesOf,
} from '#gateway/planner/check/response-shape.ts'
import { type Assignments, NEVER, type TruthTable } from '#gateway/planner/check/truth-table.ts'
import { fieldSignature } from '#gateway/planner/normalization/field-signature.ts'
import type { RequiredSelection, Rewrite } from '#gateway/planner/plan/query-plan.ts'

type EntityRequest = {
  readonly requires: readonly RequiredSelection[]
  readonly inputRewrites: readonly Rewrite[]
  readonly service: string
  /** The fields that are fetched of the entities. */
  readonly set: SelectionSetNode
}

type Context = Pick<Analysis, 'types' | 'conditions'>

/**
 * Returns under which types the entities at an object can be sent, and when. Throws PlanFlaw when they can be sent without
 * a key.
 */
export function sendableEntities(
  object: ObjectShape,
  request: EntityRequest,
  context: Context,
): readonly { readonly local: string; readonly when: Assignments }[] {
  const { types } = context
  return [...typenamesOf(object)].flatMap(([name, whenNamed]) => {
    const type = rewrittenType(name, request.inputRewrites, types)
    const local = types.isInterfaceObject(request.service, type) ? type : object.type
    const when = whenNamed & whenSendable(object, { ...request, name, type, local }, context)
    return when === NEVER ? [] : [{ local, when }]
  })
}

type TypedRequest = EntityRequest & {
  /** The entity's `__typename`. */
  readonly name: string
  /** The type that is sent to the subgraph, and the type that the entity has there. */
  readonly type: string
  readonly local: string
}

function rewrittenType(name: string, rewrites: readonly Rewrite[], types: FederatedTypes): string {
  let type = name
  for (const rewrite of rewrites) {
    if (!('ValueSetter' in rewrite)) continue
    const { path, setValueTo } = rewrite.ValueSetter
    const last = path.at(-1)
    if (!last || !('Key' in last) || last.Key !== '__typename' || typeof setValueTo !== 'string') continue
    const applies = path.every(
      one => !('TypenameEquals' in one) || one.TypenameEquals.some(of => typenameMatches(type, of, types)),
    )
    if (applies) type = setValueTo
  }
  return type
}

function whenSendable(
  object: ObjectShape,
  request: TypedRequest,
  { types, conditions }: Context,
): Assignments {
  const { name, service, type, requires, inputRewrites } = request
  const signatures = new Map<string, string>()
  for (const set of requiredSets(request.set, request, types)) addSignatures(set, '', signatures)
  const { when, paths } = written(object, requires, { name, prefix: '', signatures, types, conditions })
  const hasKey = types
    .keysOf(service, type)
    .some(key => leavesOf(key).every(({ path }) => paths.has(nameBefore(path, inputRewrites))))
  if (paths.size === 0) return NEVER // the executor sends no entity of which only the type is known
  if (!hasKey && when !== NEVER) throw new PlanFlaw(`${service} is asked for ${object.type} without a key`)
  return when
}

/** Returns the name under which a key was fetched that is sent as `leaf`. */
function nameBefore(leaf: string, rewrites: readonly Rewrite[]): string {
  for (const rewrite of rewrites) {
    if (!('KeyRenamer' in rewrite)) continue
    const { path, renameKeyTo } = rewrite.KeyRenamer
    const last = path.at(-1)
    if (last && 'Key' in last && renameKeyTo === leaf) return last.Key
  }
  return leaf
}

/** Returns what the fields of the entity itself require. */
function requiredSets(
  { selections }: SelectionSetNode,
  { service, local }: Pick<TypedRequest, 'service' | 'local'>,
  types: FederatedTypes,
): SelectionSetNode[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.FIELD) return types.requiredBy(service, local, selection.name.value) ?? []
    const condition = selection.typeCondition?.name.value ?? local
    return types.covers(condition, local)
      ? requiredSets(selection.selectionSet, { service, local }, types)
      : []
  })
}

function addSignatures(
  { selections }: SelectionSetNode,
  within: string,
  signatures: Map<string, string>,
): void {
  for (const selection of selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD) continue
    const inner = selection.kind === Kind.FIELD ? `${within}.${selection.name.value}` : within
    if (selection.kind === Kind.FIELD) signatures.set(inner, fieldSignature(selection))
    if (selection.selectionSet) addSignatures(selection.selectionSet, inner, signatures)
  }
}

type Writing = Context & {
  readonly name: string
  /** The path of the object within the entity. */
  readonly prefix: string
  /** The signatures, by path, under which the requested fields require others. */
  readonly signatures: ReadonlyMap<string, string>
}

type Written = { readonly when: Assignments; readonly paths: Set<string> }

/** Returns when all of the selections have been fetched, and the paths of the leaves that are written. */
function written(object: ObjectShape, selections: readonly RequiredSelection[], writing: Writing): Written {
  const { types, conditions, name } = writing
  const paths = new Set<string>()
  let when = conditions.always
  for (const selection of selections) {
    if (selection.kind === 'InlineFragment') {
      if (!typenameMatches(name, selection.typeCondition, types)) continue
      const inner = written(object, selection.selections, writing)
      const included = whenIncluded(selection, conditions)
      when &= inner.when | ~included
      if (included === conditions.always) for (const path of inner.paths) paths.add(path)
      continue
    }
    if (selection.name === '__typename') continue
    const field = writtenField(object, selection, writing)
    when &= field.when
    for (const path of field.paths) paths.add(path)
  }
  return { when: when & conditions.always, paths }
}

function whenIncluded(
  { skipIf, includeIf }: Extract<RequiredSelection, { kind: 'InlineFragment' }>,
  { always, whenTrue }: TruthTable,
): Assignments {
  const included = includeIf === undefined ? always : whenTrue(includeIf)
  return skipIf === undefined ? included : included & ~whenTrue(skipIf)
}

function writtenField(
  object: ObjectShape,
  selection: Extract<RequiredSelection, { kind: 'Field' }>,
  writing: Writing,
): Written {
  const { prefix, signatures } = writing
  const key = selection.alias ?? selection.name
  const path = prefix === '' ? key : `${prefix}.${key}`
  const field = object.fields.get(selection.name) ?? object.fields.get(key)
  const when = fetchedWhen(field, signatures.get(`.${path}`) ?? key)
  if (!field || !selection.selections?.length) return { when, paths: new Set([path]) }
  const inner = writtenObjects(field, selection.selections, { ...writing, prefix: path })
  return { when: when & inner.when, paths: inner.paths }
}

/** Below an entity the type matters only where the selections depend on it. */
function writtenObjects(
  field: FieldShape,
  selections: readonly RequiredSelection[],
  writing: Writing,
): Written {
  const dependsOnType = field.objects.size > 1 && selections.some(({ kind }) => kind === 'InlineFragment')
  const paths = new Set<string>()
  let when = writing.conditions.always
  for (const [type, object] of field.objects) {
    const exists = existsWhen(field, type)
    if (exists === NEVER) continue
    const inner = written(object, selections, { ...writing, name: object.type })
    when &= (dependsOnType ? inner.when & object.typename : inner.when) | ~exists
    for (const leaf of inner.paths) paths.add(leaf)
  }
  return { when, paths }
}
