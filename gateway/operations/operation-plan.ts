// Plans an operation with one planner after the other, and compiles the plan into a function that runs it.
import { type DocumentNode, GraphQLError, getOperationAST, print } from 'graphql'
import { LRUCache } from 'lru-cache'
import { compilePlan, compileSubscription } from '#gateway/executor/compile-plan.ts'
import type { RootRequest, Step } from '#gateway/executor/fetches.ts'
import { createIsSelected } from '#gateway/executor/subgraph-errors.ts'
import { FROM_CONTEXT } from '#gateway/planner/check/response-shape.ts'
import { moveConditionsToFields } from '#gateway/planner/normalization/normalized-operation.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import {
  type ConditionValue,
  conditionVariables,
  hasRepeatedRootFields,
  resolveConditions,
} from '#gateway/planner/normalization/resolve-conditions.ts'
import { withExecutableDirectives } from '#gateway/planner/plan/executable-directives.ts'
import type { PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { nameRequests } from '#gateway/planner/plan/request-names.ts'
import type { Supergraph } from '#gateway/supergraph/supergraph.ts'

export type ExecutablePlan = {
  readonly run: Step
  /** The subscription that the rest of the plan runs for; undefined for other operations. */
  readonly source: RootRequest | undefined
}

type OperationToPlan = {
  /** The document in normal form. */
  readonly document: DocumentNode
  readonly names: PlanNames
  /** The caller's choice among the document's operations. */
  readonly operationName: string | undefined
  readonly kind: 'query' | 'mutation' | 'subscription'
  /** The operation's name, which requests to subgraphs carry. */
  readonly name: string | undefined
}

/** `node` is undefined when no subgraph is needed. */
type CheckedPlan = { readonly node: PlanNode | undefined }
/** Why each planner's plan was rejected. */
type Reasons = readonly string[]

/** The most combinations of conditions of one operation whose plans are kept. */
const MAX_VARIANTS = 32

/**
 * Plans with Hive's planner. Where it has no correct plan, either planner plans each combination of the operation's
 * conditions. Rejects with a GraphQLError when there is no plan; with conditions, the first run fails instead. Mutations
 * that repeat a root field under conditions are planned by combination, too: one plan may execute the field twice.
 */
export async function planOperation(
  operation: OperationToPlan,
  supergraph: Supergraph,
): Promise<ExecutablePlan> {
  const conditions = conditionVariables(operation.document)
  if (operation.kind === 'mutation' && conditions.length > 0 && hasRepeatedRootFields(operation.document))
    return { run: runByConditions(operation, supergraph, conditions), source: undefined }
  const planned = await byHive(operation, supergraph)
  if ('node' in planned) return compile(planned, operation, supergraph)
  if (conditions.length === 0)
    return compile(await byApollo(operation, supergraph, planned), operation, supergraph)
  if (operation.kind === 'subscription') throw unplanned(planned)
  return { run: runByConditions(operation, supergraph, conditions), source: undefined }
}

async function byHive(
  { document, operationName }: OperationToPlan,
  supergraph: Supergraph,
): Promise<CheckedPlan | string[]> {
  const other = moveConditionsToFields(document)
  const reasons: string[] = []
  for (const form of other === document ? [document] : [document, other]) {
    const planned = await supergraph.planWithHive(print(form), operationName)
    if ('refusal' in planned) reasons.push(planned.refusal)
    else if (planned.flaw !== undefined) reasons.push(planned.flaw)
    else return planned
  }
  return reasons
}

async function byApollo(
  { document, operationName }: OperationToPlan,
  supergraph: Supergraph,
  before: Reasons,
): Promise<CheckedPlan> {
  const planned = await supergraph.planWithApollo(print(document), operationName)
  if ('refusal' in planned) throw unplanned([...before, planned.refusal])
  if (planned.flaw !== undefined) throw unplanned([...before, planned.flaw])
  return planned
}

/** Plans each combination of conditions when it is first needed: both planners work best without conditions. */
function runByConditions(
  operation: OperationToPlan,
  supergraph: Supergraph,
  conditions: readonly string[],
): Step {
  const variants = new LRUCache<string, Promise<Step>>({ max: MAX_VARIANTS })

  async function plan(isTrue: ConditionValue): Promise<Step> {
    const document = resolveConditions(operation.document, isTrue)
    if (!document) return () => {}
    const variant = { ...operation, document }
    const planned = await byHive(variant, supergraph)
    const correct = 'node' in planned ? planned : await byApollo(variant, supergraph, planned)
    return compile(correct, variant, supergraph).run
  }

  function planOnce(isTrue: ConditionValue): Promise<Step> {
    const key = conditions.map(name => (isTrue(name) ? '+' : '-')).join('')
    const found = variants.get(key)
    if (found) return found
    const planned = plan(isTrue)
    variants.set(key, planned)
    planned.catch(error => {
      if (!(error instanceof GraphQLError)) variants.delete(key)
    })
    return planned
  }

  return async execution => {
    try {
      const run = await planOnce(name => execution.variables[name] === true)
      await run(execution)
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error
      execution.errors.push({ message: error.message, extensions: {} })
    }
  }
}

function compile(
  { node }: CheckedPlan,
  { document, names, name }: OperationToPlan,
  { matches }: Supergraph,
): ExecutablePlan {
  const { directives } = names
  const definitions = getOperationAST(document)?.variableDefinitions ?? []
  const plan = node && nameRequests(withExecutableDirectives(node, { directives, definitions }), name)
  const known = { matches, names, isSelected: createIsSelected(document, matches) }
  return { run: compilePlan(plan, known), source: compileSubscription(plan, known) }
}

function unplanned(reasons: Reasons): GraphQLError {
  const originalError = new Error(reasons.join('; '))
  const known = reasons.find(reason => reason.includes(FROM_CONTEXT))
  const why = known === undefined ? '.' : `: ${known}.`
  return new GraphQLError(`The operation cannot be planned${why}`, { originalError })
}
