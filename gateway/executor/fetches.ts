// Compiles a plan's fetches: each builds its request, merges the response where it belongs, and adds its errors.
import { cloneJson } from '#gateway/executor/clone-json.ts'
import { dedupeRepresentations } from '#gateway/executor/dedupe-representations.ts'
import type {
  Execution,
  JsonObject,
  PathKey,
  SubgraphRequest,
  SubgraphResponse,
} from '#gateway/executor/execution.ts'
import {
  compileFlattenPath,
  pathKeys,
  type ResponsePath,
  type Targets,
} from '#gateway/executor/flatten-path.ts'
import { mergeInto } from '#gateway/executor/merge.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { compileRepresentation, type Representation } from '#gateway/executor/representations.ts'
import { compileRewrites } from '#gateway/executor/rewrites.ts'
import { addErrors, type ErrorContext, MAX_ERRORS } from '#gateway/executor/subgraph-errors.ts'
import type { BatchFetchNode, FetchNode, FlattenPath } from '#gateway/planner/plan/query-plan.ts'
import { isObject } from '#platform/domain/json.ts'

export type PlanContext = ErrorContext & {
  readonly matches: TypeMatch
}

export type Step = (execution: Execution) => Promise<void> | void

const ENTITIES = '_entities'
const NO_TARGETS: readonly JsonObject[] = []
const NO_ENTITIES: Entities = { texts: [], targets: [] }

/** The entities of one field of a request: the distinct representations, and the objects that each is of. */
type Entities = { readonly texts: readonly string[]; readonly targets: readonly (readonly JsonObject[])[] }
/** The positions of the objects of each representation. */
type Positions = readonly (readonly (ResponsePath | undefined)[])[]
type Rewriter = ReturnType<typeof compileRewrites>

/** A request for root fields. `merge` merges the response and adds its errors. */
export type RootRequest = {
  request(variables: Execution['variables']): SubgraphRequest
  merge(response: SubgraphResponse, execution: Execution): void
}

export function compileRootRequest(node: FetchNode, context: PlanContext): RootRequest {
  const { matches } = context
  const request = compileRequest(node)
  const rewrite = node.outputRewrites?.length ? compileRewrites(node.outputRewrites, matches) : undefined
  return {
    request: variables => request(variables, ''),
    merge(response, execution) {
      const { data } = response
      if (isObject(data)) {
        rewrite?.(data)
        mergeInto(execution.data, data, matches)
      }
      addErrors(response, path => [path], { execution, ...context })
    },
  }
}

export function compileRootFetch(node: FetchNode, context: PlanContext): Step {
  const { request, merge } = compileRootRequest(node, context)
  return async execution => merge(await execution.fetch(request(execution.variables)), execution)
}

/**
 * Fetches root fields for each object of a root type that `path` leads to. A query is sent once for all of them, a mutation
 * once for each, one after the other.
 */
export function compileNestedRootFetch(node: FetchNode, path: FlattenPath, context: PlanContext): Step {
  const { matches } = context
  const request = compileRequest(node)
  const { positions } = compileFlattenPath(path, matches)
  const rewrite = node.outputRewrites?.length ? compileRewrites(node.outputRewrites, matches) : undefined
  const atOnce = node.operationKind === 'mutation' ? 1 : Number.POSITIVE_INFINITY

  async function fetchFor(targets: readonly NestedRoot[], execution: Execution): Promise<void> {
    const response = await execution.fetch(request(execution.variables, ''))
    const { data } = response
    if (isObject(data)) {
      rewrite?.(data)
      for (const { target } of targets) mergeInto(target, cloneJson(data), matches)
    }
    const positionsOf = (inner: readonly PathKey[]) =>
      targets.map(({ position }) => [...pathKeys(position), ...inner])
    addErrors(response, positionsOf, { execution, ...context })
  }

  return async execution => {
    const targets: NestedRoot[] = []
    positions(execution.data, (target, position) => targets.push({ target, position }))
    for (let from = 0; from < targets.length; from += atOnce)
      await fetchFor(targets.slice(from, from + atOnce), execution)
  }
}

type NestedRoot = { readonly target: JsonObject; readonly position: ResponsePath | undefined }

/** Fetches the entities that `path` leads to. */
export function compileEntityFetch(node: FetchNode, path: FlattenPath, context: PlanContext): Step {
  const { matches } = context
  const { requires = [], inputRewrites, outputRewrites } = node
  return compileEntityRequest(
    compileRequest(node),
    [
      {
        alias: ENTITIES,
        variable: 'representations',
        find: [compileFlattenPath(path, matches)],
        representation: compileRepresentation(requires, matches, inputRewrites),
        rewrite: outputRewrites?.length ? compileRewrites(outputRewrites, matches) : undefined,
        rewritesWhole: true,
      },
    ],
    context,
  )
}

export function compileBatchFetch(node: BatchFetchNode, context: PlanContext): Step {
  const { matches } = context
  const fields = node.entityBatch.aliases.map(alias => ({
    alias: alias.alias,
    variable: alias.representationsVariableName,
    find: alias.paths.map(path => compileFlattenPath(path, matches)),
    representation: compileRepresentation(alias.requires, matches, alias.inputRewrites),
    rewrite: alias.outputRewrites?.length ? compileRewrites(alias.outputRewrites, matches) : undefined,
    rewritesWhole: false,
  }))
  return compileEntityRequest(compileRequest(node), fields, context)
}

type EntityField = {
  /** The response name of the entities. */
  readonly alias: string
  readonly variable: string
  readonly find: readonly Targets[]
  readonly representation: Representation
  readonly rewrite: Rewriter | undefined
  /** Says whether rewrites begin at the root of the response, or at the list of entities. */
  readonly rewritesWhole: boolean
}

type BuildRequest = (variables: Execution['variables'], representations: string) => SubgraphRequest

function compileEntityRequest(
  request: BuildRequest,
  fields: readonly EntityField[],
  context: PlanContext,
): Step {
  return execution => {
    const found = fields.map(field => collect(field, execution))
    if (found.every(({ texts }) => texts.length === 0)) return
    const representations = fields
      .map(({ variable }, index) => `,${JSON.stringify(variable)}:[${found[index]?.texts.join(',') ?? ''}]`)
      .join('')
    return execution
      .fetch(request(execution.variables, representations.slice(1)))
      .then(response => mergeEntities(response, { fields, found, execution, context }))
  }
}

/** Objects with equal representations are fetched once, whichever paths lead to them. */
function collect({ find, representation }: EntityField, { data, variables, shared }: Execution): Entities {
  const unique = dedupeRepresentations(representation, variables)
  const targets: JsonObject[][] = []
  for (const { each } of find)
    each(data, shared, entity => {
      const index = unique.indexOf(entity)
      if (index === undefined) return
      const objects = targets[index]
      if (objects) objects.push(entity)
      else targets[index] = [entity]
    })
  return { texts: unique.texts, targets }
}

/** Finds the positions of entities that errors are about, before the response changes what is around them. */
function locate({ find }: EntityField, { targets }: Entities, { data }: Execution): Positions {
  const located: (ResponsePath | undefined)[][] = targets.map(() => [])
  const indexes = new Map(targets.flatMap((those, index) => those.map(entity => [entity, index])))
  for (const { positions } of find)
    positions(data, (entity, position) => {
      const index = indexes.get(entity)
      if (index !== undefined) located[index]?.push(position)
    })
  return located
}

type EntityMerge = {
  readonly fields: readonly EntityField[]
  readonly found: readonly Entities[]
  readonly execution: Execution
  readonly context: PlanContext
}

function mergeEntities(response: SubgraphResponse, merging: EntityMerge): void {
  const { data, errors } = response
  const { fields, found, execution } = merging
  const hasErrors = errors !== undefined && errors.length > 0
  const positions = hasErrors
    ? fields.map((field, index) => locate(field, found[index] ?? NO_ENTITIES, execution))
    : []
  for (const [index, field] of fields.entries()) {
    if (!isObject(data)) break
    if (field.rewrite && field.rewritesWhole) field.rewrite(data)
    const given = data[field.alias]
    const entities = Array.isArray(given) ? given : []
    if (field.rewrite && !field.rewritesWhole) field.rewrite(entities)
    const those = found[index] ?? NO_ENTITIES
    if (!hasErrors && !isComplete(entities, those))
      addMissingEntityErrors(entities, locate(field, those, execution), merging)
    assignEntities(entities, those, merging)
  }
  addErrors(response, path => relocate(path, fields, positions), { execution, ...merging.context })
}

/**
 * Several objects may get the same entity, whose nested objects then stand at several positions. A name in a plan is one
 * field with the same arguments everywhere, so that what is fetched for them later does not differ by position.
 */
function assignEntities(
  entities: readonly unknown[],
  { targets }: Entities,
  { execution, context: { matches } }: EntityMerge,
): void {
  for (let index = 0; index < targets.length; index++) {
    const entity = entities[index]
    if (!isObject(entity)) continue
    const those = targets[index] ?? NO_TARGETS
    for (let at = 0; at < those.length; at++) {
      const target = those[at]
      if (target) mergeInto(target, entity, matches)
    }
    if (those.length > 1) markShared(entity, execution)
  }
}

function markShared(entity: JsonObject, execution: Execution): void {
  for (const key in entity) {
    const value = entity[key]
    if (typeof value !== 'object' || value === null) continue
    execution.shared ??= new Map()
    execution.shared.set(value, undefined)
  }
}

/** Tells whether the response has an entity, or null where there is none, for each representation. */
function isComplete(entities: readonly unknown[], { texts }: Entities): boolean {
  for (let index = 0; index < texts.length; index++) if (!isEntityOrNull(entities[index])) return false
  return true
}

function isEntityOrNull(entity: unknown): boolean {
  return entity === null || isObject(entity)
}

/** A list of entities that is missing, too short, or holds something else is a failure of the subgraph. */
function addMissingEntityErrors(
  entities: readonly unknown[],
  positions: Positions,
  { execution: { errors }, context: { names } }: EntityMerge,
): void {
  const missing = positions.flatMap((those, index) => (isEntityOrNull(entities[index]) ? [] : those))
  for (const position of missing.slice(0, MAX_ERRORS))
    errors.push({
      message: 'a subgraph did not return this entity',
      path: names.clientPath(pathKeys(position)),
      extensions: { code: 'UNAVAILABLE' },
    })
}

/** Returns the positions in our response of all objects that an error at `path` of the subgraph's response is about. */
function relocate(
  path: readonly PathKey[],
  fields: readonly EntityField[],
  positions: readonly Positions[],
): readonly (readonly PathKey[])[] {
  const field = Math.max(
    0,
    fields.findIndex(({ alias }) => alias === path[0]),
  )
  const entity = typeof path[1] === 'number' ? path[1] : 0
  const own = positions[field]?.[entity] ?? []
  const first = () => positions.flat().find(those => those.length > 0)
  const those = own.length > 0 ? own : (first()?.slice(0, 1) ?? [])
  return those.slice(0, MAX_ERRORS).map(position => [...pathKeys(position), ...path.slice(2)])
}

/** Compiles all of the body that is the same for each execution. */
function compileRequest(node: FetchNode | BatchFetchNode): BuildRequest {
  const { serviceName: service, operation, operationName, variableUsages = [] } = node
  const kind = node.operationKind ?? 'query'
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`
  const head = `{"query":${JSON.stringify(operation)}${name}`
  const usages = variableUsages.map(usage => ({ usage, quoted: `${JSON.stringify(usage)}:` }))
  return (variables, representations) => {
    let inner = representations
    for (const { usage, quoted } of usages) {
      const value = variables[usage]
      if (value !== undefined) inner += `${inner === '' ? '' : ','}${quoted}${JSON.stringify(value)}`
    }
    const body = inner === '' ? `${head}}` : `${head},"variables":{${inner}}}`
    return { service, body, operation, kind }
  }
}
