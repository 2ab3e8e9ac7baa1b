// Carries out a plan without any data: what it would have fetched of each type, under each condition. Pure.
import { Kind, type SelectionSetNode } from 'graphql'
import { sendableEntities } from '#gateway/planner/check/representation-check.ts'
import {
  addResponse,
  emptyShape,
  existsWhen,
  mergeShapes,
  type ObjectShape,
  type RequestContext,
  renameField,
  type ShapeContext,
  typenameMatches,
  typenamesAt,
} from '#gateway/planner/check/response-shape.ts'
import { type Assignments, NEVER } from '#gateway/planner/check/truth-table.ts'
import type {
  BatchFetchNode,
  FetchNode,
  FlattenPath,
  PlanNode,
  Rewrite,
} from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

type Running = {
  readonly tree: ShapeContext
  readonly root: ObjectShape
  readonly budget: RequestContext['budget']
}
type Target = { readonly place: ObjectShape; readonly when: Assignments }

/** Requests that run side by side are taken to run one after the other. */
export function analyzePlan(node: PlanNode, when: Assignments, running: Running): void {
  switch (node.kind) {
    case 'Fetch':
      fetchAt(node, [], when, running)
      break
    case 'Subscription':
      fetchAt({ ...node.primary, kind: 'Fetch' }, [], when, running)
      break
    case 'BatchFetch':
      fetchBatch(node, when, running)
      break
    case 'Flatten':
      if (node.node.kind === 'Fetch') fetchAt(node.node, node.path, when, running)
      else analyzePlan(node.node, when, running)
      break
    case 'Sequence':
    case 'Parallel':
      for (const inner of node.nodes) analyzePlan(inner, when, running)
      break
    case 'Condition': {
      const isTrue = running.tree.conditions.whenTrue(node.condition)
      if (node.ifClause) analyzePlan(node.ifClause, when & isTrue, running)
      if (node.elseClause) analyzePlan(node.elseClause, when & ~isTrue, running)
    }
  }
}

function fetchAt(node: FetchNode, path: FlattenPath, when: Assignments, running: Running): void {
  const { selectionSet } = parseRequest(node.operation)
  const rewrites = node.outputRewrites ?? []
  if (!node.requires?.length) {
    for (const { place, when: there } of targetsOf(path, when, running))
      take(selectionSet, { place, local: place.type, when: there }, { node, rewrites, running })
    return
  }
  const entities = selectionSet.selections.flatMap(one =>
    one.kind === Kind.FIELD && one.name.value === '_entities' ? (one.selectionSet ?? []) : [],
  )
  const fromEntity = rewrites.map(withoutEntities)
  for (const set of entities)
    ask(set, targetsOf(path, when, running), {
      node: { ...node, requires: node.requires },
      rewrites: fromEntity,
      running,
    })
}

function fetchBatch(node: BatchFetchNode, when: Assignments, running: Running): void {
  const { selections } = parseRequest(node.operation).selectionSet
  for (const { alias, paths, requires, inputRewrites, outputRewrites = [] } of node.entityBatch.aliases) {
    const field = selections.find(one => one.kind === Kind.FIELD && one.alias?.value === alias)
    if (field?.kind !== Kind.FIELD || !field.selectionSet) continue
    const targets = paths.flatMap(path => targetsOf(path, when, running))
    const { serviceName } = node
    const asking = { serviceName, requires, ...(inputRewrites && { inputRewrites }) }
    ask(field.selectionSet, targets, { node: asking, rewrites: outputRewrites, running })
  }
}

type Asking = {
  readonly node: Pick<FetchNode, 'serviceName' | 'inputRewrites'> & {
    readonly requires?: FetchNode['requires']
  }
  readonly rewrites: readonly Rewrite[]
  readonly running: Running
}

function ask(set: SelectionSetNode, targets: readonly Target[], asking: Asking): void {
  const { node, running } = asking
  const { serviceName: service, requires = [], inputRewrites: rewrites = [] } = node
  for (const { place, when } of targets)
    for (const sent of sendableEntities(place, { requires, rewrites, service, set }, running.tree))
      take(set, { place, local: sent.local, when: sent.when & when }, asking)
}

function take(
  set: SelectionSetNode,
  { place, local, when }: Target & { readonly local: string },
  { node, rewrites, running }: Asking,
): void {
  if (when === NEVER) return
  const answered = emptyShape(place.type)
  const { tree, budget } = running
  addResponse(set, { place: answered, local, when }, { tree, budget, service: node.serviceName })
  for (const rewrite of rewrites)
    if ('KeyRenamer' in rewrite)
      renameField(answered, rewrite.KeyRenamer.path, rewrite.KeyRenamer.renameKeyTo, tree.types)
  mergeShapes(place, answered)
}

/** The executor renames within the whole answer of a request for entities, but within the entities of a batch. */
function withoutEntities(rewrite: Rewrite): Rewrite {
  if (!('KeyRenamer' in rewrite)) return rewrite
  const { path, renameKeyTo } = rewrite.KeyRenamer
  const [first, ...rest] = path
  return first && 'Key' in first && first.Key === '_entities'
    ? { KeyRenamer: { path: rest, renameKeyTo } }
    : rewrite
}

function targetsOf(path: FlattenPath, when: Assignments, { root, tree }: Running): Target[] {
  let targets: Target[] = [{ place: root, when }]
  for (const segment of path) {
    if (segment === '@') continue
    targets =
      'Field' in segment
        ? targets.flatMap(target => below(target, segment.Field))
        : targets.flatMap(target => ofTypes(target, segment.TypeCondition, tree))
  }
  return targets
}

function below({ place, when }: Target, key: string): Target[] {
  const field = place.fields.get(key)
  if (!field) return []
  return [...field.places].flatMap(([type, inner]) => {
    const exists = when & existsWhen(field, type)
    return exists === NEVER ? [] : [{ place: inner, when: exists }]
  })
}

/** Objects that do not tell their type are let through. */
function ofTypes({ place, when }: Target, conditions: readonly string[], { types }: ShapeContext): Target[] {
  let fitting = when
  for (const [name, told] of typenamesAt(place))
    if (!conditions.some(condition => typenameMatches(name, condition, types))) fitting &= ~told
  return fitting === NEVER ? [] : [{ place, when: fitting }]
}
