// The plan's requests: bodies put together from what was compiled, answers merged where they belong, errors told in place.
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

/** What a plan is compiled with. */
export type PlanContext = ErrorContext & {
  readonly matches: TypeMatch
}

export type Step = (execution: Execution) => Promise<void> | void

const ENTITIES = '_entities'
const NO_TARGETS: readonly JsonObject[] = []
const NOTHING: Entities = { texts: [], targets: [] }

/** Entities of one field of a request: representations that differ, and the objects that each stands for. */
type Entities = { readonly texts: readonly string[]; readonly targets: readonly (readonly JsonObject[])[] }
/** By the representation's index, where the objects that it stands for are. */
type Places = readonly (readonly (ResponsePath | undefined)[])[]
type Rewriter = ReturnType<typeof compileRewrites>

/** A request for root fields, and where its answer goes. */
export type RootRequest = {
  request(variables: Execution['variables']): SubgraphRequest
  merge(answer: SubgraphResponse, execution: Execution): void
}

export function compileRootRequest(node: FetchNode, known: PlanContext): RootRequest {
  const { matches } = known
  const request = compileRequest(node)
  const rewrite = node.outputRewrites?.length ? compileRewrites(node.outputRewrites, matches) : undefined
  return {
    request: variables => request(variables, ''),
    merge(answer, execution) {
      const { data } = answer
      if (isObject(data)) {
        rewrite?.(data)
        mergeInto(execution.data, data, matches)
      }
      addErrors(answer, path => [path], { execution, ...known })
    },
  }
}

/** A fetch of root fields. */
export function compileRootFetch(node: FetchNode, known: PlanContext): Step {
  const { request, merge } = compileRootRequest(node, known)
  return async execution => merge(await execution.fetch(request(execution.variables)), execution)
}

/**
 * A fetch of root fields for each object of a root type that `path` leads to. Queries are asked once for all of them; each
 * mutation is carried out on its own, one after the other.
 */
export function compileNestedRootFetch(node: FetchNode, path: FlattenPath, known: PlanContext): Step {
  const { matches } = known
  const request = compileRequest(node)
  const { places } = compileFlattenPath(path, matches)
  const rewrite = node.outputRewrites?.length ? compileRewrites(node.outputRewrites, matches) : undefined
  const atOnce = node.operationKind === 'mutation' ? 1 : Number.POSITIVE_INFINITY

  async function fetchFor(targets: readonly NestedRoot[], execution: Execution): Promise<void> {
    const answer = await execution.fetch(request(execution.variables, ''))
    const { data } = answer
    if (isObject(data)) {
      rewrite?.(data)
      for (const { target } of targets) mergeInto(target, cloneJson(data), matches)
    }
    const placesOf = (inner: readonly PathKey[]) => targets.map(({ place }) => [...pathKeys(place), ...inner])
    addErrors(answer, placesOf, { execution, ...known })
  }

  return async execution => {
    const targets: NestedRoot[] = []
    places(execution.data, (target, place) => targets.push({ target, place }))
    for (let from = 0; from < targets.length; from += atOnce)
      await fetchFor(targets.slice(from, from + atOnce), execution)
  }
}

type NestedRoot = { readonly target: JsonObject; readonly place: ResponsePath | undefined }

/** A fetch of the entities that `path` leads to. */
export function compileEntityFetch(node: FetchNode, path: FlattenPath, known: PlanContext): Step {
  const { matches } = known
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
    known,
  )
}

export function compileBatchFetch(node: BatchFetchNode, known: PlanContext): Step {
  const { matches } = known
  const fields = node.entityBatch.aliases.map(alias => ({
    alias: alias.alias,
    variable: alias.representationsVariableName,
    find: alias.paths.map(path => compileFlattenPath(path, matches)),
    representation: compileRepresentation(alias.requires, matches, alias.inputRewrites),
    rewrite: alias.outputRewrites?.length ? compileRewrites(alias.outputRewrites, matches) : undefined,
    rewritesWhole: false,
  }))
  return compileEntityRequest(compileRequest(node), fields, known)
}

type EntityField = {
  /** Under which the answer has the entities. */
  readonly alias: string
  readonly variable: string
  readonly find: readonly Targets[]
  readonly representation: Representation
  readonly rewrite: Rewriter | undefined
  /** Whether rewrites begin at the answer's root, or at the list of entities. */
  readonly rewritesWhole: boolean
}

type BuildRequest = (variables: Execution['variables'], representations: string) => SubgraphRequest

function compileEntityRequest(
  request: BuildRequest,
  fields: readonly EntityField[],
  known: PlanContext,
): Step {
  return execution => {
    const found = fields.map(field => collect(field, execution))
    if (found.every(({ texts }) => texts.length === 0)) return
    const representations = fields
      .map(({ variable }, index) => `,${JSON.stringify(variable)}:[${found[index]?.texts.join(',') ?? ''}]`)
      .join('')
    return execution
      .fetch(request(execution.variables, representations.slice(1)))
      .then(answer => spread(answer, { fields, found, execution, known }))
  }
}

/** Objects with equal representations are asked for once, whichever paths lead to them. */
function collect({ find, representation }: EntityField, { data, variables, shared }: Execution): Entities {
  const distinct = dedupeRepresentations(representation, variables)
  const targets: JsonObject[][] = []
  for (const { each } of find)
    each(data, shared, entity => {
      const index = distinct.indexOf(entity)
      if (index === undefined) return
      const known = targets[index]
      if (known) known.push(entity)
      else targets[index] = [entity]
    })
  return { texts: distinct.texts, targets }
}

/** Looked up once something is to be told of them, before the answer changes what they stand in. */
function locate({ find }: EntityField, { targets }: Entities, { data }: Execution): Places {
  const located: (ResponsePath | undefined)[][] = targets.map(() => [])
  const indexes = new Map(targets.flatMap((those, index) => those.map(entity => [entity, index])))
  for (const { places } of find)
    places(data, (entity, place) => {
      const index = indexes.get(entity)
      if (index !== undefined) located[index]?.push(place)
    })
  return located
}

type Spread = {
  readonly fields: readonly EntityField[]
  readonly found: readonly Entities[]
  readonly execution: Execution
  readonly known: PlanContext
}

function spread(answer: SubgraphResponse, spreading: Spread): void {
  const { data, errors } = answer
  const { fields, found, execution } = spreading
  const told = errors !== undefined && errors.length > 0
  const places = told
    ? fields.map((field, position) => locate(field, found[position] ?? NOTHING, execution))
    : []
  for (const [position, field] of fields.entries()) {
    if (!isObject(data)) break
    if (field.rewrite && field.rewritesWhole) field.rewrite(data)
    const given = data[field.alias]
    const entities = Array.isArray(given) ? given : []
    if (field.rewrite && !field.rewritesWhole) field.rewrite(entities)
    const those = found[position] ?? NOTHING
    if (!told && !answersAll(entities, those))
      tellUnanswered(entities, locate(field, those, execution), spreading)
    giveOut(entities, those, spreading)
  }
  addErrors(answer, path => relocate(path, fields, places), { execution, ...spreading.known })
}

/**
 * Several objects may get the same entity. What is nested in it is then one object in several places: a name in a plan is
 * one field with the same arguments wherever it stands, so that what is fetched for it later does not differ by place.
 */
function giveOut(
  entities: readonly unknown[],
  { targets }: Entities,
  { execution, known: { matches } }: Spread,
): void {
  for (let index = 0; index < targets.length; index++) {
    const entity = entities[index]
    if (!isObject(entity)) continue
    const those = targets[index] ?? NO_TARGETS
    for (let at = 0; at < those.length; at++) {
      const target = those[at]
      if (target) mergeInto(target, entity, matches)
    }
    if (those.length > 1) noteShared(entity, execution)
  }
}

function noteShared(entity: JsonObject, execution: Execution): void {
  for (const key in entity) {
    const value = entity[key]
    if (typeof value !== 'object' || value === null) continue
    execution.shared ??= new Map()
    execution.shared.set(value, undefined)
  }
}

/** Whether each representation got an entity, or the null that stands for "there is none". */
function answersAll(entities: readonly unknown[], { texts }: Entities): boolean {
  for (let index = 0; index < texts.length; index++) if (!answers(entities[index])) return false
  return true
}

function answers(entity: unknown): boolean {
  return entity === null || isObject(entity)
}

/** A list of entities that is missing, too short, or of something else is the subgraph's fault, never just nothing. */
function tellUnanswered(
  entities: readonly unknown[],
  places: Places,
  { execution: { errors }, known: { names } }: Spread,
): void {
  const unanswered = places.flatMap((those, index) => (answers(entities[index]) ? [] : those))
  for (const place of unanswered.slice(0, MAX_ERRORS))
    errors.push({
      message: 'a subgraph did not answer for this',
      path: names.clientPath(pathKeys(place)),
      extensions: { code: 'UNAVAILABLE' },
    })
}

/** From the place of an error in the subgraph's answer to its places in ours: those of all the objects that it is about. */
function relocate(
  path: readonly PathKey[],
  fields: readonly EntityField[],
  places: readonly Places[],
): readonly (readonly PathKey[])[] {
  const position = Math.max(
    0,
    fields.findIndex(({ alias }) => alias === path[0]),
  )
  const index = typeof path[1] === 'number' ? path[1] : 0
  const own = places[position]?.[index] ?? []
  const those =
    own.length > 0
      ? own
      : (places
          .flat()
          .find(some => some.length > 0)
          ?.slice(0, 1) ?? [])
  return those.slice(0, MAX_ERRORS).map(place => [...pathKeys(place), ...path.slice(2)])
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
