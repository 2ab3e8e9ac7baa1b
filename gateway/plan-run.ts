// An operation's plan, asked of one planner after the other, made into what runs it. Free of completion.
import { type DocumentNode, GraphQLError, print } from 'graphql'
import { LRUCache } from 'lru-cache'
import { compilePlan, compileSubscription } from '#gateway/executor/compile-plan.ts'
import { nameFetches } from '#gateway/executor/fetch-names.ts'
import type { RootRequest, Step } from '#gateway/executor/fetches.ts'
import type { PlanNode } from '#gateway/executor/plan.ts'
import { conditionsOf, type Decide, decided } from '#gateway/planner/decided.ts'
import { leftOut } from '#gateway/planner/left-out.ts'
import { namesAreUnambiguous, withConditionsAtFields } from '#gateway/planner/planned-operation.ts'
import { withWholeInterfaces } from '#gateway/planner/whole-interfaces.ts'
import type { Supergraph } from '#gateway/supergraph.ts'

export type PlanRun = {
  readonly run: Step
  /** The subscription that the rest of the plan runs for; undefined for other operations. */
  readonly source: RootRequest | undefined
}

export type ToRun = {
  /** In the plain form. */
  readonly document: DocumentNode
  /** Which of the document's operations, as the caller says. */
  readonly operationName: string | undefined
  readonly kind: 'query' | 'mutation' | 'subscription'
  /** Requests to subgraphs are called after it. */
  readonly name: string | undefined
}

const NOTHING: PlanRun = { run() {}, source: undefined }
/** Of one operation: ways of deciding its conditions. */
const MAX_WAYS = 32

/**
 * By Hive's planner, unless it has no plan or one that is doubtful; then by Apollo's, unless that has none either. Rejects
 * with a GraphQLError when there is none at all.
 */
export async function planRun(toRun: ToRun, supergraph: Supergraph): Promise<PlanRun> {
  const { document, operationName } = toRun
  const other = withConditionsAtFields(document)
  const reasons: string[] = []
  let doubtful: PlanRun | undefined
  for (const form of other === document ? [document] : [document, other]) {
    const planned = await supergraph.plan(print(form), operationName)
    if ('unplanned' in planned) {
      reasons.push(planned.unplanned)
      continue
    }
    const plan = planned.node && withWholeInterfaces(planned.node, form, supergraph)
    const run = compile(plan, toRun, supergraph)
    if (planned.doubt === undefined) return run
    reasons.push(planned.doubt)
    doubtful ??= run
  }
  return runOtherwise(toRun, supergraph, { doubtful, reasons })
}

function compile(node: PlanNode | undefined, { document, name }: ToRun, { matches }: Supergraph): PlanRun {
  const plan = node && nameFetches(node, name)
  const known = { matches, shares: namesAreUnambiguous(document) }
  return { run: compilePlan(plan, known), source: compileSubscription(plan, known) }
}

/** What there is instead, and why it is not what is run. */
type Instead = { readonly doubtful: PlanRun | undefined; readonly reasons: readonly string[] }

/**
 * Both planners do best by operations without conditions: there is a plan for each way in which they are decided, made
 * when it is first needed.
 */
async function runOtherwise(toRun: ToRun, supergraph: Supergraph, instead: Instead): Promise<PlanRun> {
  const conditions = conditionsOf(toRun.document)
  if (conditions.length === 0) return makeOtherwise(toRun, supergraph, instead)
  if (toRun.kind === 'subscription') return fallBack(instead)
  const ways = new LRUCache<string, Promise<PlanRun>>({ max: MAX_WAYS })

  async function make(decide: Decide): Promise<PlanRun> {
    const document = decided(toRun.document, decide)
    if (!document) return NOTHING
    const planned = await supergraph.plan(print(document), toRun.operationName)
    if ('node' in planned && planned.doubt === undefined)
      return compile(
        planned.node && withWholeInterfaces(planned.node, document, supergraph),
        toRun,
        supergraph,
      )
    return makeOtherwise({ ...toRun, document }, supergraph, instead)
  }

  function wayOf(decide: Decide): Promise<PlanRun> {
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

  return {
    source: undefined,
    async run(execution) {
      try {
        const { run } = await wayOf(name => execution.variables[name] === true)
        await run(execution)
      } catch (error) {
        if (!(error instanceof GraphQLError)) throw error
        execution.errors.push({ message: error.message, extensions: {} })
      }
    },
  }
}

/** By Apollo's planner. */
async function makeOtherwise(toRun: ToRun, supergraph: Supergraph, instead: Instead): Promise<PlanRun> {
  const { document, operationName } = toRun
  const planned = await supergraph.planOtherwise(print(document), operationName)
  if ('unplanned' in planned) return fallBack(instead, planned.unplanned)
  if (planned.doubt !== undefined) return fallBack(instead, planned.doubt)
  // It leaves out what it takes for impossible.
  const left = leftOut(document, planned.node)
  if (left !== undefined) return fallBack(instead, `the plan leaves out ${left}`)
  return compile(planned.node, toRun, supergraph)
}

function fallBack({ doubtful, reasons }: Instead, reason?: string): PlanRun {
  if (doubtful) return doubtful
  const all = reason === undefined ? reasons : [...reasons, reason]
  throw new GraphQLError('The operation cannot be planned.', { originalError: new Error(all.join('; ')) })
}
