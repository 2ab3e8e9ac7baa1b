// Executes an operation with deferred fragments: the first part at once, the others when they are asked for.
import {
  type ExecutionArgs,
  type GraphQLAbstractType,
  GraphQLError,
  type GraphQLList,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  locatedError,
} from 'graphql'
import {
  buildExecutionContext,
  buildResolveInfo,
  type ExecutionContext,
  getFieldDef,
} from 'graphql/execution/execute.js'
import { getArgumentValues } from 'graphql/execution/values.js'
import { addPath, type Path, pathToArray } from 'graphql/jsutils/Path.js'
import {
  collectSelection,
  type DeferUsage,
  type Fields,
  planWithoutRepeats,
  planWithRepeats,
  type SelectedField,
  type Selection,
  setsWithin,
} from '#platform/graphql/incremental/field-plan.ts'
import type { DeferredFields, DeferredPart, PartResult } from '#platform/graphql/incremental/publisher.ts'

type MaybePromise<T> = Promise<T> | T
type Data = Record<string, unknown>
type FieldPlan = ReturnType<typeof planWithoutRepeats>

type Execution = {
  readonly context: ExecutionContext
  readonly plan: typeof planWithoutRepeats
  readonly selections: Map<readonly SelectedField[], Map<GraphQLObjectType, Selection>>
  readonly plans: Map<Selection, Map<ReadonlySet<DeferUsage>, FieldPlan>>
}

/** The part that fields are executed for, and what came of it besides data. */
type Part = {
  readonly usages: ReadonlySet<DeferUsage>
  readonly errors: GraphQLError[]
  readonly later: { readonly path: Path | undefined; readonly fields: DeferredFields }[]
  /** The positions that became null because of an error within them. */
  readonly nulled: Set<Path | undefined>
}

/** Where an execution is: the part, and the parts of the deferred fragments around the object. */
type Frame = { readonly part: Part; readonly deferred: ReadonlyMap<DeferUsage, DeferredPart> }

const NOTHING_DEFERRED: Frame['deferred'] = new Map()
const NO_USAGES: ReadonlySet<DeferUsage> = new Set()

export type IncrementalArgs = ExecutionArgs & {
  /** When true, a part has all fields of its fragment, also those that other parts have. */
  readonly repeats: boolean
}

/**
 * Executes all that is not deferred. The result has the fields that are, each group with the function that executes it.
 * Resolvers, errors and nulls are those of graphql-js. Returns errors when the operation cannot be executed.
 */
export function executeFirstPart(
  args: IncrementalArgs,
): MaybePromise<PartResult | { readonly errors: readonly GraphQLError[] }> {
  const context = buildExecutionContext(args)
  if (!('schema' in context)) return { errors: context }
  const { schema, operation, rootValue, fragments, variableValues: variables } = context
  const type = schema.getRootType(operation.operation)
  if (!type) return { errors: [new GraphQLError(`The schema has no ${operation.operation}.`)] }
  const execution: Execution = {
    context,
    plan: args.repeats ? planWithRepeats : planWithoutRepeats,
    selections: new Map(),
    plans: new Map(),
  }
  const set = { set: operation.selectionSet, usage: undefined }
  const selection = collectSelection({ schema, fragments, variables }, type, [set])
  const isSerial = operation.operation === 'mutation'
  return runPart(NO_USAGES, part => {
    const frame = { part, deferred: NOTHING_DEFERRED }
    return executeObject(execution, frame, { type, source: rootValue, path: undefined, selection, isSerial })
  })
}

/** Runs a part to its end. An error that nulls all of it is its only result. */
function runPart(
  usages: ReadonlySet<DeferUsage>,
  run: (part: Part) => MaybePromise<Data>,
): MaybePromise<PartResult> {
  const part: Part = { usages, errors: [], later: [], nulled: new Set() }
  const succeed = (data: Data): PartResult => ({
    data,
    errors: [...part.errors],
    later: part.later.filter(({ path }) => !isNulled(path, part)).map(({ fields }) => fields),
  })
  const fail = (error: unknown): PartResult => {
    const own = error instanceof GraphQLError ? error : new GraphQLError(String(error))
    return { data: null, errors: [...part.errors, own], later: [] }
  }
  try {
    const data = run(part)
    return data instanceof Promise ? data.then(succeed, fail) : succeed(data)
  } catch (error) {
    return fail(error)
  }
}

function isNulled(path: Path | undefined, { nulled }: Part): boolean {
  if (nulled.size === 0) return false
  for (let at = path; at !== undefined; at = at.prev) if (nulled.has(at)) return true
  return false
}

type ObjectAt = {
  readonly type: GraphQLObjectType
  readonly source: unknown
  readonly path: Path | undefined
  readonly isSerial?: boolean
}

/** Executes the object's fields of the part, and notes those of later parts. */
function executeObject(
  execution: Execution,
  frame: Frame,
  { selection, ...object }: ObjectAt & { readonly selection: Selection },
): MaybePromise<Data> {
  const { part } = frame
  const { own, later } = planOf(execution, selection, part)
  const deferred = withParts(frame.deferred, selection.usages, object.path)
  const inner = deferred === frame.deferred ? frame : { part, deferred }
  for (const { usages, fields } of later) {
    const parts = [...usages].flatMap(usage => deferred.get(usage) ?? [])
    const run = () =>
      runPart(usages, own => executeFields(execution, { part: own, deferred }, { ...object, fields }))
    part.later.push({ path: object.path, fields: { parts, path: pathToArray(object.path), run } })
  }
  return executeFields(execution, inner, { ...object, fields: own })
}

function withParts(
  around: Frame['deferred'],
  usages: readonly DeferUsage[],
  path: Path | undefined,
): Frame['deferred'] {
  if (usages.length === 0) return around
  const parts = new Map(around)
  for (const usage of usages) {
    const { label, selection, parent } = usage
    parts.set(usage, { label, selection, path: pathToArray(path), parent: parent && parts.get(parent) })
  }
  return parts
}

/** Plans a selection once for each part, however many objects it is of. */
function planOf({ plan, plans }: Execution, selection: Selection, { usages }: Part): FieldPlan {
  const known = plans.get(selection) ?? new Map<ReadonlySet<DeferUsage>, FieldPlan>()
  plans.set(selection, known)
  const found = known.get(usages)
  if (found) return found
  const made = plan(selection, usages)
  known.set(usages, made)
  return made
}

function selectionWithin(
  { context, selections }: Execution,
  type: GraphQLObjectType,
  field: readonly SelectedField[],
): Selection {
  const known = selections.get(field) ?? new Map<GraphQLObjectType, Selection>()
  selections.set(field, known)
  const found = known.get(type)
  if (found) return found
  const { schema, fragments, variableValues: variables } = context
  const made = collectSelection({ schema, fragments, variables }, type, setsWithin(field))
  known.set(type, made)
  return made
}

function executeFields(
  execution: Execution,
  frame: Frame,
  { type, source, path, fields, isSerial }: ObjectAt & { readonly fields: Fields },
): MaybePromise<Data> {
  if (isSerial) return executeSerially(execution, frame, { type, source, path, fields })
  const data: Data = {}
  const pending: Promise<void>[] = []
  return settlingAll(pending, () => {
    for (const [key, field] of fields) {
      const at = addPath(path, key, type.name)
      const value = executeField(execution, frame, { type, source, path: at, field })
      if (value === undefined) continue
      data[key] = value // keeps the order of the selection
      if (value instanceof Promise)
        pending.push(
          value.then(settled => {
            data[key] = settled
          }),
        )
    }
    return pending.length === 0 ? data : Promise.all(pending).then(() => data)
  })
}

/** Runs `work`. When it throws, nobody waits for what is `pending`, whose errors are consequences then. */
function settlingAll<T>(pending: readonly unknown[], work: () => T): T {
  try {
    return work()
  } catch (error) {
    for (const one of pending) if (one instanceof Promise) one.catch(() => {}) // the error that is thrown nulls it
    throw error
  }
}

async function executeSerially(
  execution: Execution,
  frame: Frame,
  { type, source, path, fields }: ObjectAt & { readonly fields: Fields },
): Promise<Data> {
  const data: Data = {}
  for (const [key, field] of fields) {
    const at = addPath(path, key, type.name)
    const value = await executeField(execution, frame, { type, source, path: at, field })
    if (value !== undefined) data[key] = value
  }
  return data
}

type FieldAt = {
  readonly type: GraphQLObjectType
  readonly source: unknown
  readonly path: Path
  readonly field: readonly SelectedField[]
}

/** Returns undefined for a field that the schema does not have. */
function executeField(
  execution: Execution,
  frame: Frame,
  { type, source, path, field }: FieldAt,
): MaybePromise<unknown> {
  const { context } = execution
  const nodes = field.map(({ node }) => node)
  const [node] = nodes
  const definition = node && getFieldDef(context.schema, type, node)
  if (!definition) return undefined
  const info = buildResolveInfo(context, definition, nodes, type, path)
  const fail = (raw: unknown): null => {
    const error = locatedError(raw, nodes, pathToArray(path))
    if (isNonNullType(definition.type)) throw error
    if (!isNulled(path, frame.part)) frame.part.errors.push(error)
    frame.part.nulled.add(path)
    return null
  }
  const position = { execution, frame, field, info }
  try {
    const args = getArgumentValues(definition, node, context.variableValues)
    const resolve = definition.resolve ?? context.fieldResolver
    const result: unknown = resolve(source, args, context.contextValue, info)
    const completed =
      result instanceof Promise
        ? result.then(value => complete(position, definition.type, value, path))
        : complete(position, definition.type, result, path)
    return completed instanceof Promise ? completed.catch(fail) : completed
  } catch (raw) {
    return fail(raw)
  }
}

type Position = {
  readonly execution: Execution
  readonly frame: Frame
  readonly field: readonly SelectedField[]
  readonly info: GraphQLResolveInfo
}

function complete(
  position: Position,
  type: GraphQLOutputType,
  value: unknown,
  path: Path,
): MaybePromise<unknown> {
  if (value instanceof Error) throw value
  if (isNonNullType(type)) {
    const { parentType, fieldName } = position.info
    const notNull = (completed: unknown) => {
      if (completed !== null) return completed
      throw new Error(`Cannot return null for non-nullable field ${parentType.name}.${fieldName}.`)
    }
    const completed = complete(position, type.ofType, value, path)
    return completed instanceof Promise ? completed.then(notNull) : notNull(completed)
  }
  if (value === null || value === undefined) return null
  if (isListType(type)) return completeList(position, type, value, path)
  if (isLeafType(type)) return serialize(type, value)
  return isAbstractType(type)
    ? completeAbstract(position, type, value, path)
    : completeObject(position, type, value, path)
}

function serialize(type: { serialize(value: unknown): unknown; readonly name: string }, value: unknown) {
  const serialized = type.serialize(value)
  if (serialized !== null && serialized !== undefined) return serialized
  throw new Error(`${type.name} was serialised to nothing`)
}

function completeList(
  position: Position,
  { ofType }: GraphQLList<GraphQLOutputType>,
  value: unknown,
  path: Path,
): MaybePromise<unknown[]> {
  const { info } = position
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw new GraphQLError(
      `Expected Iterable, but did not find one for field "${info.parentType.name}.${info.fieldName}".`,
    )
  let isAsync = false
  const items: unknown[] = []
  return settlingAll(items, () => {
    for (const item of value as Iterable<unknown>) {
      const completed = completeItem(position, ofType, item, addPath(path, items.length, undefined))
      if (completed instanceof Promise) isAsync = true
      items.push(completed)
    }
    return isAsync ? Promise.all(items) : items
  })
}

function completeItem(
  position: Position,
  type: GraphQLOutputType,
  item: unknown,
  path: Path,
): MaybePromise<unknown> {
  const { part } = position.frame
  const fail = (raw: unknown): null => {
    const error = locatedError(raw, position.info.fieldNodes, pathToArray(path))
    if (isNonNullType(type)) throw error
    if (!isNulled(path, part)) part.errors.push(error)
    part.nulled.add(path)
    return null
  }
  try {
    const completed =
      item instanceof Promise
        ? item.then(value => complete(position, type, value, path))
        : complete(position, type, item, path)
    return completed instanceof Promise ? completed.catch(fail) : completed
  } catch (raw) {
    return fail(raw)
  }
}

function completeAbstract(
  position: Position,
  type: GraphQLAbstractType,
  value: unknown,
  path: Path,
): MaybePromise<Data> {
  const { info, execution } = position
  const { context } = execution
  const resolveType = type.resolveType ?? context.typeResolver
  const withType = (name: string | undefined): MaybePromise<Data> => {
    const found = name === undefined ? undefined : context.schema.getType(name)
    if (isObjectType(found) && context.schema.isSubType(type, found))
      return completeObject(position, found, value, path)
    throw new GraphQLError(
      `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${info.parentType.name}.${info.fieldName}".`,
    )
  }
  const name = resolveType(value, context.contextValue, info, type)
  return name instanceof Promise ? name.then(withType) : withType(name)
}

function completeObject(
  { execution, frame, field, info }: Position,
  type: GraphQLObjectType,
  source: unknown,
  path: Path,
): MaybePromise<Data> {
  const selection = selectionWithin(execution, type, field)
  const run = (isOfType: boolean): MaybePromise<Data> => {
    if (isOfType) return executeObject(execution, frame, { type, source, path, selection })
    throw new GraphQLError(`Expected value of type "${type.name}", but it is of another one.`)
  }
  const isOfType = type.isTypeOf?.(source, execution.context.contextValue, info) ?? true
  return isOfType instanceof Promise ? isOfType.then(run) : run(isOfType)
}
