// An operation's plan, asked of one planner after the other, made into what runs it. Free of completion.
import { type DocumentNode, GraphQLError, Kind, print } from 'graphql'
import { LRUCache } from 'lru-cache'
import { compilePlan, compileSubscription } from '#gateway/executor/compile-plan.ts'
import type { RootRequest, Step } from '#gateway/executor/fetches.ts'
import { createIsSelected } from '#gateway/executor/selected-paths.ts'
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

export type OperationToPlan = {
  /** In the plain form. */
  readonly document: DocumentNode
  readonly names: PlanNames
  /** Which of the document's operations, as the caller says. */
  readonly operationName: string | undefined
  readonly kind: 'query' | 'mutation' | 'subscription'
  /** Requests to subgraphs are called after it. */
  readonly name: string | undefined
}

/** `node` is undefined when no subgraph is to be asked. */
type CheckedPlan = { readonly node: PlanNode | undefined }
/** Why there is no plan that is surely right. */
type Reasons = readonly string[]

/** Of one operation: ways of deciding its conditions. */
const MAX_WAYS = 32

/**
 * By Hive's planner, and where it has no plan, or a doubtful one, by either planner for each way in which the operation's
 * conditions are decided. Rejects with a GraphQLError when there is none, at the first run where there are conditions.
 * Mutations that stand several times, under conditions, are planned for each way too: a plan may carry them out twice.
 */
export async function planOperation(toRun: OperationToPlan, supergraph: Supergraph): Promise<ExecutablePlan> {
  const conditions = conditionVariables(toRun.document)
  if (toRun.kind === 'mutation' && conditions.length > 0 && hasRepeatedRootFields(toRun.document))
    return { run: runByConditions(toRun, supergraph, conditions), source: undefined }
  const planned = await byHive(toRun, supergraph)
  if ('node' in planned) return compile(planned, toRun, supergraph)
  if (conditions.length === 0) return compile(await byApollo(toRun, supergraph, planned), toRun, supergraph)
  if (toRun.kind === 'subscription') throw unplanned(planned)
  return { run: runByConditions(toRun, supergraph, conditions), source: undefined }
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

/** Both planners do best by operations without conditions: there is a plan for each way, made when it is first needed. */
function runByConditions(
  toRun: OperationToPlan,
  supergraph: Supergraph,
  conditions: readonly string[],
): Step {
  const ways = new LRUCache<string, Promise<Step>>({ max: MAX_WAYS })

  async function make(decide: ConditionValue): Promise<Step> {
    const document = resolveConditions(toRun.document, decide)
    if (!document) return () => {}
    const way = { ...toRun, document }
    const planned = await byHive(way, supergraph)
    const right = 'node' in planned ? planned : await byApollo(way, supergraph, planned)
    return compile(right, way, supergraph).run
  }

  function wayOf(decide: ConditionValue): Promise<Step> {
    const key = conditions.map(name => (decide(name) ? '+' : '-')).join('')
    const known = ways.get(key)
    if (known) return known
    const made = make(decide)
    ways.set(key, made)
    made.catch(error => {
      if (!(error instanceof GraphQLError)) ways.delete(key)
    })
    return made
  }

  return async execution => {
    try {
      const run = await wayOf(name => execution.variables[name] === true)
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
  const definitions = document.definitions.flatMap(one =>
    one.kind === Kind.OPERATION_DEFINITION ? (one.variableDefinitions ?? []) : [],
  )
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
