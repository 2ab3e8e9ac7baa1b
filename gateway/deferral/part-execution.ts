// Runs the plan of a response in parts: what each part needs is fetched once it is its turn, then its data is completed.
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLFieldResolver,
  getNullableType,
  isEnumType,
  type OperationDefinitionNode,
  type SelectionNode,
} from 'graphql'
import type { Execution, ExecutionError, PathKey } from '#gateway/executor/execution.ts'
import type { Step } from '#gateway/executor/fetches.ts'
import { tooLarge } from '#gateway/executor/response-limit.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import type { Supergraph } from '#gateway/supergraph/supergraph.ts'
import { isObject } from '#platform/domain/json.ts'
import { executeFirstPart } from '#platform/graphql/incremental/incremental-execution.ts'
import type { DeferredFields, PartResult } from '#platform/graphql/incremental/publisher.ts'

export type DeferredSteps = {
  readonly first: Step
  /** The plan of each part by its label, and the label of the part around it. */
  readonly steps: ReadonlyMap<string, { readonly step: Step; readonly after: string | undefined }>
  readonly labelsOf: (selection: SelectionNode) => readonly string[]
}

type PartsRequest = {
  readonly execution: Execution
  readonly supergraph: Pick<Supergraph, 'schema' | 'hiddenValues'>
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly names: PlanNames
  readonly maxBytes: number
  /** Says whether a part has all fields of its fragment, also those that other parts have. */
  readonly repeats: boolean
}

type Run = PartsRequest & {
  readonly plan: DeferredSteps
  readonly fetched: Map<string, Promise<readonly ExecutionError[]>>
  /** The bytes of data that are left, and the values that may still be completed: each takes four bytes at least. */
  bytes: number
  values: number
}

const BYTES_PER_VALUE = 4
const causes = new WeakMap<GraphQLError, ExecutionError>()

/** Returns an error of a part as the gateway's other errors are: that of a subgraph, or of a value that is wrong. */
export function executionErrorOf(error: GraphQLError): ExecutionError {
  const known = causes.get(error)
  if (known) return known
  const isNull = error.message.startsWith('Cannot return null for non-nullable field')
  return {
    message: isNull ? error.message : 'A field has a value that its type cannot represent.',
    ...(error.path && { path: [...error.path] }),
    extensions: { code: 'INTERNAL' },
  }
}

/**
 * Completes values as the specification says, with the public graph. Errors of fetches are with the parts that they are
 * about.
 */
export async function runInParts(plan: DeferredSteps, request: PartsRequest): Promise<PartResult> {
  const { execution, maxBytes } = request
  const run: Run = {
    ...request,
    plan,
    fetched: new Map(),
    bytes: maxBytes,
    values: maxBytes / BYTES_PER_VALUE,
  }
  execution.shared ??= new Map() // the executions of all parts find the same objects in it
  await plan.first(execution)
  const { supergraph, document, operation } = request
  const first = await executeFirstPart({
    schema: supergraph.schema,
    document,
    operationName: operation.name?.value ?? null,
    rootValue: execution.data,
    variableValues: execution.variables,
    fieldResolver: resolverOf(run),
    typeResolver: value =>
      isObject(value) && typeof value.__typename === 'string' ? value.__typename : undefined,
    repeats: request.repeats,
  })
  if (!('data' in first)) return { data: null, errors: first.errors, later: [] }
  return finish(run, first, { at: [], errors: execution.errors })
}

function resolverOf(run: Run): GraphQLFieldResolver<unknown, unknown> {
  const { names, supergraph } = run
  const keys = new Map<unknown, string>()
  return (source, _args, _context, { fieldNodes, returnType }) => {
    const [node] = fieldNodes
    if (!node || !isObject(source)) return null
    const key = keys.get(node) ?? names.nameOf(node)
    keys.set(node, key)
    const value = source[key]
    run.values -= Array.isArray(value) ? 1 + value.length : 1
    if (run.values < 0) return null // the part is replaced by an error
    const type = getNullableType(returnType)
    const isHidden = isEnumType(type) && supergraph.hiddenValues.get(type.name)?.has(value)
    return isHidden ? null : value
  }
}

type Fetched = { readonly at: readonly PathKey[]; readonly errors: readonly ExecutionError[] }

/** Adds the errors of fetches in place of their consequences, and limits the size. */
function finish(run: Run, result: PartResult, { at, errors }: Fetched): PartResult {
  run.bytes -= Buffer.byteLength(JSON.stringify(result.data))
  if (run.bytes < 0 || run.values < 0) {
    const error = asGraphQLError({ ...tooLarge(run.maxBytes), path: [...at] })
    return { data: null, errors: [error], later: [] }
  }
  const own = errors.filter(({ path = [] }) => overlap(path, at))
  const rest = result.errors.filter(({ path = [] }) => !own.some(cause => overlap(cause.path ?? [], path)))
  return {
    data: result.data,
    errors: [...own.map(asGraphQLError), ...rest],
    later: result.later.map(fields => afterFetch(run, fields)),
  }
}

function afterFetch(run: Run, fields: DeferredFields): DeferredFields {
  return {
    ...fields,
    async run() {
      const labels = fields.parts.flatMap(({ selection }) => run.plan.labelsOf(selection))
      const errors = await Promise.all(labels.map(label => fetchOnce(run, label)))
      return finish(run, await fields.run(), { at: fields.path, errors: errors.flat() })
    },
  }
}

/**
 * Runs the plan of a part once, for all objects that it is of, after that of the part around it. Resolves with its errors.
 */
function fetchOnce(run: Run, label: string): Promise<readonly ExecutionError[]> {
  const found = run.fetched.get(label)
  if (found) return found
  const fetching = fetchPart(run, label)
  run.fetched.set(label, fetching)
  return fetching
}

async function fetchPart(run: Run, label: string): Promise<readonly ExecutionError[]> {
  const planned = run.plan.steps.get(label)
  if (!planned) return []
  if (planned.after !== undefined) await fetchOnce(run, planned.after)
  const execution: Execution = { ...run.execution, errors: [] }
  await planned.step(execution)
  return execution.errors
}

function asGraphQLError(error: ExecutionError): GraphQLError {
  const made = new GraphQLError(error.message, { path: error.path ?? null, extensions: error.extensions })
  causes.set(made, error)
  return made
}

function overlap(one: readonly PathKey[], other: readonly PathKey[]): boolean {
  const length = Math.min(one.length, other.length)
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return false
  return true
}
