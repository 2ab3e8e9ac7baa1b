// Operations made ready to run, once per text: parsed, checked, planned, compiled. Bounded. Free of transport.
import { type DocumentNode, GraphQLError, getOperationAST, type OperationDefinitionNode } from 'graphql'
import { getVariableValues } from 'graphql/execution/values.js'
import { LRUCache } from 'lru-cache'
import { compileCompletion } from '#gateway/executor/completion.ts'
import { DEFAULT_RESPONSE_BYTES, limitData } from '#gateway/executor/response-limit.ts'
import type { PlanObserver } from '#gateway/observe/plans.ts'
import { introspect, rootFields } from '#gateway/operations/introspection.ts'
import {
  createOperationCache,
  type OperationCache,
  type OperationKey,
} from '#gateway/operations/operation-cache.ts'
import { type ExecutablePlan, planOperation } from '#gateway/operations/operation-plan.ts'
import type {
  PreparedOperation,
  PrepareResult,
  RestrictedOperation,
} from '#gateway/operations/prepared-operation.ts'
import { normalizeOperation } from '#gateway/planner/normalization/normalized-operation.ts'
import { createPlanNames, type PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import {
  createAuthorizer,
  type FilteredOperation,
  NO_FIELDS,
  type OperationAuthorization,
} from '#gateway/safety/authorization/operation-authorization.ts'
import type { AuthorizationSettings } from '#gateway/safety/authorization/settings.ts'
import { compileCost } from '#gateway/safety/cost/estimate.ts'
import { type CostSettings, DEFAULT_COST } from '#gateway/safety/cost/settings.ts'
import type { Supergraph } from '#gateway/supergraph/supergraph.ts'
import { createDocumentCheck } from '#platform/graphql/documents/document-check.ts'
import { type Fragments, fragmentsOf } from '#platform/graphql/documents/fragments.ts'
import type { OperationLimits } from '#platform/graphql/documents/limits.ts'
import { waitForTurn } from '#platform/graphql/documents/turn-queue.ts'
import { MAX_VARIABLE_ERRORS, variablesProblem } from '#platform/graphql/documents/variable-values.ts'

type Variables = Readonly<Record<string, unknown>>

/** Of introspection alone. */
const NOTHING_TO_RUN: ExecutablePlan = { run() {}, source: undefined }
/** What goes through a document calls itself for each level, until the stack is full. */
const TOO_DEEP = 'The document is nested too deeply.'
/** Of one operation, by what is withheld of it. */
const MAX_VARIANTS = 32

export function createOperations(
  supergraph: Supergraph,
  options: {
    readonly limits: OperationLimits & { readonly answerBytes?: number }
    readonly introspection: boolean
    /** As by default when left out. */
    readonly authorization?: AuthorizationSettings
    readonly cost?: CostSettings
    readonly seen?: PlanObserver
  },
): OperationCache {
  const { schema } = supergraph
  const guardOf = createAuthorizer({
    schema,
    rules: supergraph.authorization,
    ...(options.authorization && { settings: options.authorization }),
  })
  const { introspection, limits } = options
  const check = createDocumentCheck({ schema, limits, introspection })
  const { values, answerBytes = DEFAULT_RESPONSE_BYTES } = limits
  const { listSize } = options.cost ?? DEFAULT_COST
  return createOperationCache(make, options.seen)

  function make({ text, name }: OperationKey): Promise<PrepareResult | RestrictedOperation> {
    return refusing(async () => {
      await waitForTurn()
      const read = check(text)
      if ('errors' in read) return read
      const { document } = read
      const operation = getOperationAST(document, name)
      if (!operation) return { errors: [new GraphQLError(unknownOperation(name))] }
      const fragments = fragmentsOf(document)
      const bounds = { listSize, answerBytes, values, introspection }
      const checked = { text, name, document, operation, fragments, ...bounds }
      const guard = guardOf(operation, fragments)
      return guard ? forCallers(supergraph, checked, guard) : compile(supergraph, checked, undefined)
    })
  }
}

async function refusing<T>(
  work: () => Promise<T>,
): Promise<T | { readonly errors: readonly GraphQLError[] }> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [error] }
    if (error instanceof RangeError) return { errors: [new GraphQLError(TOO_DEEP)] }
    throw error
  }
}

/** Compiled once for each set of rules that callers do not meet. */
function forCallers(
  supergraph: Supergraph,
  checked: ValidatedOperation,
  guard: OperationAuthorization,
): RestrictedOperation {
  const variants = new LRUCache<string, Promise<PrepareResult>>({ max: MAX_VARIANTS })
  return {
    prepareFor(claims) {
      const unmet = guard.unmet(claims)
      const key = unmet.join()
      const found = variants.get(key)
      if (found) return found
      const permitted = unmet.length > 0 ? guard.filter(unmet) : undefined
      const prepared = refusing(() => compile(supergraph, checked, permitted))
      variants.set(key, prepared)
      prepared.catch(() => variants.delete(key))
      return prepared
    },
  }
}

type ValidatedOperation = OperationKey & {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly fragments: Fragments
  /** Of lists of which the supergraph says nothing. */
  readonly listSize: number
  /** Of `data`, at most. */
  readonly answerBytes: number
  /** The most values that the variables of a request may hold. */
  readonly values: number
  /** Whether errors may suggest names of the schema. */
  readonly introspection: boolean
}

function unknownOperation(name: string | undefined): string {
  return name === undefined
    ? 'The document has several operations: say which by operationName.'
    : `The document has no operation ${JSON.stringify(name)}.`
}

/** All of the operation is planned when nothing of it is withheld. */
async function compile(
  supergraph: Supergraph,
  {
    name,
    document,
    operation: asked,
    fragments,
    listSize,
    answerBytes,
    values,
    introspection,
  }: ValidatedOperation,
  permitted: FilteredOperation | undefined,
): Promise<PreparedOperation> {
  const { schema } = supergraph
  const names = createPlanNames(asked, fragments.values(), supergraph.isReserved)
  const operation = permitted?.operation ?? asked
  const roots = rootFields(asked.selectionSet.selections, fragments)
  const needsPlan = permitted ? permitted.planned : roots.some(field => !field.startsWith('__'))
  const toPlan = normalizeOperation(permitted?.planned ?? operation, { ...supergraph, fragments, names })
  const kind = operation.operation
  const toRun = { document: toPlan, names, operationName: name, kind, name: operation.name?.value }
  const { run, source } = needsPlan ? await planOperation(toRun, supergraph) : NOTHING_TO_RUN
  const definitions = operation.variableDefinitions ?? []
  return {
    name: operation.name?.value,
    kind,
    run,
    source,
    write: limitData(
      compileCompletion({
        schema,
        operation,
        fragments,
        withheld: permitted?.fields ?? NO_FIELDS,
        nameOf: names.nameOf,
        hidden: supergraph.hiddenValues,
        maxText: answerBytes,
      }),
      answerBytes,
    ),
    coerce(given) {
      const problem = variablesProblem(given, values)
      if (problem !== undefined) return { errors: [new GraphQLError(problem)] }
      const { coerced, errors } = getVariableValues(schema, definitions, given, {
        maxErrors: MAX_VARIABLE_ERRORS,
        hideSuggestions: !introspection,
      })
      return errors ? { errors } : { variables: withPlannedNames(coerced, names) }
    },
    introspect: roots.some(field => field === '__schema' || field === '__type')
      ? variables => introspect(schema, { document, operation: asked, fragments }, variables)
      : undefined,
    unauthorized: permitted?.report,
    estimate: once(() =>
      compileCost({
        schema,
        rules: supergraph.costs,
        listSize,
        fragments,
        operation: permitted?.planned ?? asked,
      }),
    ),
  }
}

/** A variable that has another name in the plan is known by both. */
function withPlannedNames(coerced: Variables, { variables }: PlanNames): Variables {
  if (variables.size === 0) return coerced
  const renamed = [...variables].flatMap(([name, planned]) =>
    Object.hasOwn(coerced, name) ? [[planned, coerced[name]]] : [],
  )
  return { ...coerced, ...Object.fromEntries(renamed) }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
