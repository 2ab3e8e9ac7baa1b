// When entities of one type can be asked for: what goes into their representations has been fetched, and is enough. Pure.
import { Kind, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import {
  existsWhen,
  type FieldShape,
  fetchedWhen,
  type ObjectShape,
  PlanFlaw,
  typenameMatches,
  typenamesAt,
} from '#gateway/planner/check/response-shape.ts'
import { type Assignments, NEVER, type TruthTable } from '#gateway/planner/check/truth-table.ts'
import { fieldSignature } from '#gateway/planner/normalization/field-signature.ts'
import type { RequiredSelection, Rewrite } from '#gateway/planner/plan/query-plan.ts'

export type Sending = {
  readonly requires: readonly RequiredSelection[]
  readonly rewrites: readonly Rewrite[]
  readonly service: string
  /** Fields that are asked for of the entities, by type condition. */
  readonly set: SelectionSetNode
}

/** One way of sending the entities of a place: under which type, and when. */
export type Sent = { readonly local: string; readonly when: Assignments }

type Known = { readonly types: FederatedTypes; readonly conditions: TruthTable }

export function sendableEntities(place: ObjectShape, sending: Sending, known: Known): readonly Sent[] {
  const { types } = known
  return [...typenamesAt(place)].flatMap(([name, told]) => {
    const type = rewrittenType(name, sending.rewrites, types)
    const local = types.isInterfaceObject(sending.service, type) ? type : place.type
    const when = told & sendable(place, { ...sending, name, type, local }, known)
    return when === NEVER ? [] : [{ local, when }]
  })
}

type SentAs = Sending & {
  /** What `__typename` says. */
  readonly name: string
  /** What it is said to be to the subgraph, and what it is there. */
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

function sendable(place: ObjectShape, sent: SentAs, known: Known): Assignments {
  const { types } = known
  const asked = new Map<string, string>()
  for (const set of requiredSets(sent.set, sent, types)) addAsked(set, '', asked)
  const { when, paths } = written(place, sent.requires, { name: sent.name, within: '', asked, ...known })
  const keys = types.keysOf(sent.service, sent.type)
  const isKnown = keys.some(key => leavesOf(key, '').every(leaf => paths.has(renamed(leaf, sent.rewrites))))
  if (paths.size === 0) return NEVER // the executor sends nothing of which the type alone is known
  if (!isKnown && when !== NEVER)
    throw new PlanFlaw(`${sent.service} is asked for ${place.type} without a key`)
  return when
}

/** A key that is sent by another name than it is fetched by. */
function renamed(leaf: string, rewrites: readonly Rewrite[]): string {
  for (const rewrite of rewrites) {
    if (!('KeyRenamer' in rewrite)) continue
    const { path, renameKeyTo } = rewrite.KeyRenamer
    const last = path.at(-1)
    if (last && 'Key' in last && renameKeyTo === leaf) return last.Key
  }
  return leaf
}

/** What the fields require that are asked for of the entity itself. */
function requiredSets(
  { selections }: SelectionSetNode,
  { service, local }: Pick<SentAs, 'service' | 'local'>,
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

function addAsked({ selections }: SelectionSetNode, within: string, asked: Map<string, string>): void {
  for (const selection of selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD) continue
    const inner = selection.kind === Kind.FIELD ? `${within}.${selection.name.value}` : within
    if (selection.kind === Kind.FIELD) asked.set(inner, fieldSignature(selection))
    if (selection.selectionSet) addAsked(selection.selectionSet, inner, asked)
  }
}

function leavesOf({ selections }: SelectionSetNode, within: string): string[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.INLINE_FRAGMENT) return leavesOf(selection.selectionSet, within)
    const path = within === '' ? selection.name.value : `${within}.${selection.name.value}`
    return selection.selectionSet ? leavesOf(selection.selectionSet, path) : [path]
  })
}

type Writing = Known & {
  readonly name: string
  readonly within: string
  /** By path, what the fields that require it want it to have been asked by. */
  readonly asked: ReadonlyMap<string, string>
}

/** When all of it has been fetched, and the leaves that are written. */
function written(
  place: ObjectShape,
  selections: readonly RequiredSelection[],
  writing: Writing,
): { readonly when: Assignments; readonly paths: Set<string> } {
  const { types, conditions, name } = writing
  const paths = new Set<string>()
  let when = conditions.always
  for (const selection of selections) {
    if (selection.kind === 'InlineFragment') {
      if (!typenameMatches(name, selection.typeCondition, types)) continue
      const inner = written(place, selection.selections, writing)
      const counts = countsWhen(selection, conditions)
      when &= inner.when | ~counts
      if (counts === conditions.always) for (const path of inner.paths) paths.add(path)
      continue
    }
    if (selection.name === '__typename') continue
    const field = writtenField(place, selection, writing)
    when &= field.when
    for (const path of field.paths) paths.add(path)
  }
  return { when: when & conditions.always, paths }
}

function countsWhen(
  { skipIf, includeIf }: Extract<RequiredSelection, { kind: 'InlineFragment' }>,
  { always, whenTrue }: TruthTable,
): Assignments {
  const included = includeIf === undefined ? always : whenTrue(includeIf)
  return skipIf === undefined ? included : included & ~whenTrue(skipIf)
}

function writtenField(
  place: ObjectShape,
  selection: Extract<RequiredSelection, { kind: 'Field' }>,
  writing: Writing,
): { readonly when: Assignments; readonly paths: Set<string> } {
  const { within, asked } = writing
  const key = selection.alias ?? selection.name
  const path = within === '' ? key : `${within}.${key}`
  const field = place.fields.get(selection.name) ?? place.fields.get(key)
  let when = fetchedWhen(field, asked.get(`.${path}`) ?? key)
  if (!field || !selection.selections?.length) return { when, paths: new Set([path]) }
  const paths = new Set<string>()
  for (const [type, inner] of field.places) {
    const exists = existsWhen(field, type)
    if (exists === NEVER) continue
    const part = innerWritten(inner, field, selection.selections, { ...writing, within: path })
    when &= part.when | ~exists
    for (const leaf of part.paths) paths.add(leaf)
  }
  return { when, paths }
}

/** Within an entity the type matters where it is asked for only. */
function innerWritten(
  place: ObjectShape,
  field: FieldShape,
  selections: readonly RequiredSelection[],
  writing: Writing,
): { readonly when: Assignments; readonly paths: Set<string> } {
  const byType = field.places.size > 1 && selections.some(({ kind }) => kind === 'InlineFragment')
  const part = written(place, selections, { ...writing, name: place.type })
  return byType ? { ...part, when: part.when & place.told } : part
}
