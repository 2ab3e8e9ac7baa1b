// The plan's requests: bodies put together from what was compiled, answers merged where they belong, errors told in place.
import {
  type Execution,
  type ExecutionError,
  isObject,
  type JsonObject,
  type PathKey,
  type SubgraphAnswer,
  type SubgraphRequest,
} from '#gateway/executor/execution.ts'
import { mergeInto } from '#gateway/executor/merge.ts'
import type { BatchFetchNode, FetchNode, FlattenPath } from '#gateway/executor/plan.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { compileRepresentation, type WriteRepresentation } from '#gateway/executor/representations.ts'
import { createRewrites } from '#gateway/executor/rewrites.ts'
import { compilePath, type FindTargets, type Place, pathOf } from '#gateway/executor/targets.ts'

export type Step = (execution: Execution) => Promise<void> | void

/** Errors of one fetch that are told, at most. */
const MAX_ERRORS = 100
const ENTITIES = '_entities'
const NO_TARGETS: readonly Target[] = []

type Target = { readonly entity: JsonObject; readonly place: Place | undefined }
/** Entities of one field of a request: representations that differ, and the objects that each stands for. */
type Entities = { readonly texts: string[]; readonly targets: Target[][] }
type Rewriter = ReturnType<typeof createRewrites>

/** A request for root fields, and where its answer goes. */
export type RootRequest = {
  request(variables: Execution['variables']): SubgraphRequest
  take(answer: SubgraphAnswer, execution: Execution): void
}

export function compileRootRequest(node: FetchNode, matches: TypeMatch): RootRequest {
  const request = compileRequest(node)
  const rewrite = node.outputRewrites?.length ? createRewrites(node.outputRewrites, matches) : undefined
  return {
    request: variables => request(variables, ''),
    take({ data, errors }, execution) {
      if (errors) addErrors(execution.errors, errors, path => path)
      if (!isObject(data)) return
      rewrite?.(data)
      mergeInto(execution.data, data)
    },
  }
}

/** A fetch of root fields. */
export function compileRootFetch(node: FetchNode, matches: TypeMatch): Step {
  const { request, take } = compileRootRequest(node, matches)
  return async execution => take(await execution.fetch(request(execution.variables)), execution)
}

/** A fetch of the entities that `path` leads to. */
export function compileEntityFetch(node: FetchNode, path: FlattenPath, matches: TypeMatch): Step {
  const { requires = [], inputRewrites, outputRewrites } = node
  return compileEntityRequest(compileRequest(node), [
    {
      alias: ENTITIES,
      variable: 'representations',
      find: [compilePath(path, matches)],
      write: compileRepresentation(requires, matches, inputRewrites),
      rewrite: outputRewrites?.length ? createRewrites(outputRewrites, matches) : undefined,
      rewritesWhole: true,
    },
  ])
}

export function compileBatchFetch(node: BatchFetchNode, matches: TypeMatch): Step {
  const fields = node.entityBatch.aliases.map(alias => ({
    alias: alias.alias,
    variable: alias.representationsVariableName,
    find: alias.paths.map(path => compilePath(path, matches)),
    write: compileRepresentation(alias.requires, matches, alias.inputRewrites),
    rewrite: alias.outputRewrites?.length ? createRewrites(alias.outputRewrites, matches) : undefined,
    rewritesWhole: false,
  }))
  return compileEntityRequest(compileRequest(node), fields)
}

type EntityField = {
  /** Under which the answer has the entities. */
  readonly alias: string
  readonly variable: string
  readonly find: readonly FindTargets[]
  readonly write: WriteRepresentation
  readonly rewrite: Rewriter | undefined
  /** Whether rewrites begin at the answer's root, or at the list of entities. */
  readonly rewritesWhole: boolean
}

type BuildRequest = (variables: Execution['variables'], representations: string) => SubgraphRequest

function compileEntityRequest(request: BuildRequest, fields: readonly EntityField[]): Step {
  return execution => {
    const found = fields.map(field => collect(field, execution))
    if (found.every(({ texts }) => texts.length === 0)) return
    const representations = fields
      .map(({ variable }, index) => `,${JSON.stringify(variable)}:[${found[index]?.texts.join(',') ?? ''}]`)
      .join('')
    return execution
      .fetch(request(execution.variables, representations.slice(1)))
      .then(answer => spread(answer, { fields, found, execution }))
  }
}

/** Objects with equal representations are asked for once, whichever paths lead to them. */
function collect({ find, write }: EntityField, { data, variables }: Execution): Entities {
  const texts: string[] = []
  const targets: Target[][] = []
  const indexes = new Map<string, number>()
  for (const findTargets of find)
    findTargets(data, (entity, place) => {
      const text = write(entity, variables)
      if (text === undefined) return
      const index = indexes.get(text)
      if (index !== undefined) targets[index]?.push({ entity, place })
      else {
        indexes.set(text, texts.push(text) - 1)
        targets.push([{ entity, place }])
      }
    })
  return { texts, targets }
}

function spread(
  { data, errors }: SubgraphAnswer,
  {
    fields,
    found,
    execution,
  }: {
    readonly fields: readonly EntityField[]
    readonly found: readonly Entities[]
    readonly execution: Execution
  },
): void {
  for (const [position, field] of fields.entries()) {
    if (!isObject(data)) break
    if (field.rewrite && field.rewritesWhole) field.rewrite(data)
    const given = data[field.alias]
    const entities = Array.isArray(given) ? given : undefined
    if (entities && field.rewrite && !field.rewritesWhole) field.rewrite(entities)
    const unanswered = giveOut(entities, found[position]?.targets ?? [])
    if (unanswered.length > 0 && !errors?.length) tellUnanswered(unanswered, execution)
  }
  if (errors) addErrors(execution.errors, errors, path => relocate(path, fields, found))
}

/**
 * Several objects may get the same entity: what is nested in it is then one object in several places, which is as good.
 * Returns those that got neither an entity nor the null that stands for "there is none".
 */
function giveOut(
  entities: readonly unknown[] = [],
  targets: readonly (readonly Target[])[],
): readonly Target[] {
  let unanswered: Target[] | undefined
  for (let index = 0; index < targets.length; index++) {
    const entity = entities[index]
    const those = targets[index] ?? NO_TARGETS
    if (isObject(entity)) for (const target of those) mergeInto(target.entity, entity)
    else if (entity !== null) {
      unanswered ??= []
      unanswered.push(...those.slice(0, MAX_ERRORS))
    }
  }
  return unanswered ?? NO_TARGETS
}

/** A list of entities that is missing, too short, or of something else is the subgraph's fault, never just nothing. */
function tellUnanswered(targets: readonly Target[], { errors }: Execution): void {
  for (const { place } of targets.slice(0, MAX_ERRORS))
    errors.push({
      message: 'a subgraph did not answer for this',
      path: pathOf(place),
      extensions: { code: 'UNAVAILABLE' },
    })
}

/** From the place of an error in the subgraph's answer to its place in ours: that of the first object that it is about. */
function relocate(
  path: readonly PathKey[],
  fields: readonly EntityField[],
  found: readonly Entities[],
): PathKey[] | undefined {
  const position = Math.max(
    0,
    fields.findIndex(({ alias }) => alias === path[0]),
  )
  const targets = found[position]?.targets ?? []
  const index = typeof path[1] === 'number' ? path[1] : 0
  const target = targets[index]?.[0] ?? found.flatMap(entities => entities.targets)[0]?.[0]
  return target && [...pathOf(target.place), ...path.slice(2)]
}

/** The body but for what changes from one execution to the next is text from the start. */
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

function addErrors(
  errors: ExecutionError[],
  told: readonly unknown[],
  place: (path: readonly PathKey[]) => readonly PathKey[] | undefined,
): void {
  for (const error of told.slice(0, MAX_ERRORS)) {
    if (!isObject(error)) continue
    const path = place(Array.isArray(error.path) ? error.path.filter(isPathKey) : [])
    errors.push({
      message: typeof error.message === 'string' ? error.message : 'a subgraph failed',
      ...(path && path.length > 0 && { path: [...path] }),
      extensions: isObject(error.extensions) ? { ...error.extensions } : {},
    })
  }
}

function isPathKey(value: unknown): value is PathKey {
  return typeof value === 'string' || typeof value === 'number'
}
