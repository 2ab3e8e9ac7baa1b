// Runs a plan without data, to find what it fetches of each type under each condition.
import { Kind, type SelectionSetNode } from 'graphql'
import { sendableEntities } from '#gateway/planner/check/representation-check.ts'
import {
  type Analysis,
  addResponse,
  emptyShape,
  existsWhen,
  type LocalObject,
  mergeShapes,
  type ObjectShape,
  renameField,
  typenameMatches,
  typenamesOf,
} from '#gateway/planner/check/response-shape.ts'
import { type Assignments, NEVER } from '#gateway/planner/check/truth-table.ts'
import type {
  BatchFetchNode,
  FetchNode,
  FlattenPath,
  PlanNode,
  RequiredSelection,
  Rewrite,
} from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

type Target = { readonly object: ObjectShape; readonly when: Assignments }

/** Adds to the shape of the response what the plan fetches. Parallel requests are run one after the other. */
export function analyzePlan(node: PlanNode, when: Assignments, analysis: Analysis): void {
  switch (node.kind) {
    case 'Fetch':
      analyzeFetch(node, targetsAt([], when, analysis), analysis)
      break
    case 'Subscription':
      analyzeFetch({ ...node.primary, kind: 'Fetch' }, targetsAt([], when, analysis), analysis)
      break
    case 'BatchFetch':
      analyzeBatch(node, when, analysis)
      break
    case 'Flatten':
      if (node.node.kind === 'Fetch') analyzeFetch(node.node, targetsAt(node.path, when, analysis), analysis)
      else analyzePlan(node.node, when, analysis)
      break
    case 'Sequence':
    case 'Parallel':
      for (const inner of node.nodes) analyzePlan(inner, when, analysis)
      break
    case 'Condition': {
      const whenTrue = analysis.conditions.whenTrue(node.condition)
      if (node.ifClause) analyzePlan(node.ifClause, when & whenTrue, analysis)
      if (node.elseClause) analyzePlan(node.elseClause, when & ~whenTrue, analysis)
    }
  }
}

/** The fields that are fetched of the objects, and how the response is rewritten. */
type Request = {
  readonly set: SelectionSetNode
  readonly service: string
  readonly requires: readonly RequiredSelection[]
  readonly inputRewrites: readonly Rewrite[]
  readonly outputRewrites: readonly Rewrite[]
}

function analyzeFetch(node: FetchNode, targets: readonly Target[], analysis: Analysis): void {
  const { selectionSet: set } = parseRequest(node.operation)
  const { serviceName: service, requires = [], inputRewrites = [], outputRewrites = [] } = node
  const request = { set, service, requires, inputRewrites, outputRewrites }
  if (requires.length === 0) {
    for (const { object, when } of targets)
      addFetched({ object, local: object.type, when }, request, analysis)
    return
  }
  const rewrites = outputRewrites.map(withoutEntities)
  for (const { name, selectionSet } of set.selections.filter(one => one.kind === Kind.FIELD))
    if (name.value === '_entities' && selectionSet)
      fetchEntities(targets, { ...request, set: selectionSet, outputRewrites: rewrites }, analysis)
}

function analyzeBatch(node: BatchFetchNode, when: Assignments, analysis: Analysis): void {
  const { serviceName: service, operation, entityBatch } = node
  const { selections } = parseRequest(operation).selectionSet
  for (const { alias, paths, requires, inputRewrites = [], outputRewrites = [] } of entityBatch.aliases) {
    const field = selections.find(one => one.kind === Kind.FIELD && one.alias?.value === alias)
    if (field?.kind !== Kind.FIELD || !field.selectionSet) continue
    const targets = paths.flatMap(path => targetsAt(path, when, analysis))
    const request = { set: field.selectionSet, service, requires, inputRewrites, outputRewrites }
    fetchEntities(targets, request, analysis)
  }
}

function fetchEntities(targets: readonly Target[], request: Request, analysis: Analysis): void {
  for (const { object, when } of targets)
    for (const entity of sendableEntities(object, request, analysis))
      addFetched({ object, local: entity.local, when: entity.when & when }, request, analysis)
}

function addFetched(target: LocalObject, request: Request, analysis: Analysis): void {
  if (target.when === NEVER) return
  const { set, service, outputRewrites } = request
  const fetched = emptyShape(target.object.type)
  addResponse(set, { ...target, object: fetched }, { analysis, service })
  for (const rewrite of outputRewrites)
    if ('KeyRenamer' in rewrite) {
      const { path, renameKeyTo: to } = rewrite.KeyRenamer
      renameField(fetched, { path, to }, analysis.types)
    }
  mergeShapes(target.object, fetched)
}

/** The executor applies rewrites to the whole response of a request for entities, but to the entities of a batch. */
function withoutEntities(rewrite: Rewrite): Rewrite {
  if (!('KeyRenamer' in rewrite)) return rewrite
  const { path, renameKeyTo } = rewrite.KeyRenamer
  const [first, ...rest] = path
  return first && 'Key' in first && first.Key === '_entities'
    ? { KeyRenamer: { path: rest, renameKeyTo } }
    : rewrite
}

function targetsAt(path: FlattenPath, when: Assignments, analysis: Analysis): Target[] {
  let targets: Target[] = [{ object: analysis.root, when }]
  for (const segment of path) {
    if (segment === '@') continue
    targets =
      'Field' in segment
        ? targets.flatMap(target => objectsOf(target, segment.Field))
        : targets.flatMap(target => ofTypes(target, segment.TypeCondition, analysis))
  }
  return targets
}

function objectsOf({ object, when }: Target, key: string): Target[] {
  const field = object.fields.get(key)
  if (!field) return []
  return [...field.objects].flatMap(([type, inner]) => {
    const exists = when & existsWhen(field, type)
    return exists === NEVER ? [] : [{ object: inner, when: exists }]
  })
}

/** Lets objects through whose type is not fetched. */
function ofTypes({ object, when }: Target, conditions: readonly string[], { types }: Analysis): Target[] {
  let fitting = when
  for (const [name, whenNamed] of typenamesOf(object))
    if (!conditions.some(condition => typenameMatches(name, condition, types))) fitting &= ~whenNamed
  return fitting === NEVER ? [] : [{ object, when: fitting }]
}
