// Prepares operations, once per text: parses, validates, authorizes, plans and compiles them.
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
} from 'graphql'
import { getVariableValues } from 'graphql/execution/values.js'
import { LRUCache } from 'lru-cache'
import { createDeferral } from '#gateway/deferral/deferral.ts'
import { compileCompletion, lazily } from '#gateway/executor/completion.ts'
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
import { compileCost } from '#gateway/safety/cost/estimate.ts'
import { type AuthorizationSettings, type CostSettings, DEFAULT_COST } from '#gateway/safety/settings.ts'
import type { Supergraph } from '#gateway/supergraph/supergraph.ts'
import { createDocumentCheck } from '#platform/graphql/documents/document-check.ts'
import { type Fragments, fragmentsOf } from '#platform/graphql/documents/fragments.ts'
import type { OperationLimits } from '#platform/graphql/documents/limits.ts'
import { waitForTurn } from '#platform/graphql/documents/turn-queue.ts'
import { MAX_VARIABLE_ERRORS, variablesProblem } from '#platform/graphql/documents/variable-values.ts'
import { hasDefer } from '#platform/graphql/incremental/defer-directive.ts'

type Variables = Readonly<Record<string, unknown>>

/** The plan of an operation that only introspects. */
const EMPTY_PLAN: ExecutablePlan = { run() {}, source: undefined }
/** Functions that walk a document recurse for each level, until the stack overflows. */
const TOO_DEEP = 'The document is nested too deeply.'
/** The most variants of one operation, by the rules that callers do not meet. */
const MAX_VARIANTS = 32

type Bounds = {
  /** The number of items of a list about which the supergraph says nothing. */
  readonly listSize: number
  /** The most bytes of `data`. */
  readonly answerBytes: number
  /** The most values that the variables of a request may hold. */
  readonly values: number
  /** Says whether clients may read the schema, and errors may suggest names of it. */
  readonly introspection: boolean
}

type ValidatedOperation = OperationKey & {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly fragments: Fragments
}

type Compiler = { readonly supergraph: Supergraph; readonly bounds: Bounds }

export function createOperations(
  supergraph: Supergraph,
  options: {
    readonly limits: OperationLimits & { readonly answerBytes?: number }
    readonly introspection: boolean
    /** The default settings when left out. */
    readonly authorization?: AuthorizationSettings
    readonly cost?: CostSettings
    readonly observer?: PlanObserver
  },
): OperationCache {
  const { schema, authorization: rules } = supergraph
  const { introspection, limits, authorization } = options
  const authorize = createAuthorizer({ schema, rules, ...(authorization && { settings: authorization }) })
  const check = createDocumentCheck({ schema, limits, introspection })
  const { values, answerBytes = DEFAULT_RESPONSE_BYTES } = limits
  const { listSize } = options.cost ?? DEFAULT_COST
  const compiler = { supergraph, bounds: { listSize, answerBytes, values, introspection } }
  return createOperationCache(prepare, options.observer)

  function prepare({ text, name }: OperationKey): Promise<PrepareResult | RestrictedOperation> {
    return withErrors(async () => {
      await waitForTurn()
      const checked = check(text)
      if ('errors' in checked) return checked
      const { document } = checked
      const operation = getOperationAST(document, name)
      if (!operation) return { errors: [new GraphQLError(unknownOperation(name))] }
      const fragments = fragmentsOf(document)
      const validated = { text, name, document, operation, fragments }
      const authorization = authorize(operation, fragments)
      return authorization ? restrict(compiler, validated, authorization) : compile(compiler, validated)
    })
  }
}

/** Returns GraphQL errors and stack overflows as the result; rejects with any other error. */
async function withErrors<T>(
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

/** Compiles the operation once for each set of rules that callers do not meet. */
function restrict(
  compiler: Compiler,
  validated: ValidatedOperation,
  authorization: OperationAuthorization,
): RestrictedOperation {
  const variants = new LRUCache<string, Promise<PrepareResult>>({ max: MAX_VARIANTS })
  return {
    prepareFor(claims) {
      const unmet = authorization.unmet(claims)
      const key = unmet.join()
      const found = variants.get(key)
      if (found) return found
      const filtered = unmet.length > 0 ? authorization.filter(unmet) : undefined
      const prepared = withErrors(() => compile(compiler, validated, filtered))
      variants.set(key, prepared)
      prepared.catch(() => variants.delete(key))
      return prepared
    },
  }
}

function unknownOperation(name: string | undefined): string {
  return name === undefined
    ? 'The document has several operations: say which by operationName.'
    : `The document has no operation ${JSON.stringify(name)}.`
}

/** Compiles all of the operation when nothing is filtered. */
async function compile(
  { supergraph, bounds }: Compiler,
  validated: ValidatedOperation,
  filtered?: FilteredOperation,
): Promise<PreparedOperation> {
  const { schema, costs, hiddenValues, isReserved } = supergraph
  const { document, operation: asked, fragments } = validated
  const { listSize, answerBytes } = bounds
  const names = createPlanNames(asked, fragments.values(), isReserved)
  const operation = filtered?.operation ?? asked
  const roots = rootFields(asked.selectionSet.selections, fragments)
  const needsPlan = filtered ? filtered.planned : roots.some(field => !field.startsWith('__'))
  const { operation: kind } = operation
  const name = operation.name?.value
  const normalized = normalizeOperation(filtered?.planned ?? operation, { ...supergraph, fragments, names })
  const toPlan = { document: normalized, names, operationName: validated.name, kind, name }
  const { run, source } = needsPlan ? await planOperation(toPlan, supergraph) : EMPTY_PLAN
  const write = compileCompletion({
    schema,
    operation,
    fragments,
    withheld: filtered?.fields ?? NO_FIELDS,
    nameOf: names.nameOf,
    hidden: hiddenValues,
    maxText: answerBytes,
  })
  return {
    name,
    kind,
    run,
    source,
    // A deferred field that may not be seen would have to be left out of either part: such a response comes whole.
    runInParts:
      hasDefer(document) && !filtered && kind !== 'subscription'
        ? createDeferral({ document, operation, fragments, names, maxBytes: answerBytes }, supergraph)
        : undefined,
    write: limitData(write, answerBytes),
    coerce: compileCoercion(schema, operation, { names, bounds }),
    introspect: roots.some(field => field === '__schema' || field === '__type')
      ? variables => introspect(schema, { document, operation: asked, fragments }, variables)
      : undefined,
    unauthorized: filtered?.report,
    estimate: lazily(() =>
      compileCost({ schema, rules: costs, listSize, fragments, operation: filtered?.planned ?? asked }),
    ),
  }
}

function compileCoercion(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  { names, bounds }: { readonly names: PlanNames; readonly bounds: Bounds },
): PreparedOperation['coerce'] {
  return given => {
    const problem = variablesProblem(given, bounds.values)
    if (problem !== undefined) return { errors: [new GraphQLError(problem)] }
    const { coerced, errors } = getVariableValues(schema, variableDefinitions, given, {
      maxErrors: MAX_VARIABLE_ERRORS,
      hideSuggestions: !bounds.introspection,
    })
    return errors ? { errors } : { variables: withPlanNames(coerced, names) }
  }
}

/** Adds each variable that has another name in the plan under that name, too. */
function withPlanNames(coerced: Variables, { variables }: PlanNames): Variables {
  if (variables.size === 0) return coerced
  const renamed = [...variables].flatMap(([name, planned]) =>
    Object.hasOwn(coerced, name) ? [[planned, coerced[name]]] : [],
  )
  return { ...coerced, ...Object.fromEntries(renamed) }
}
