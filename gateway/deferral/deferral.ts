// Plans and runs operations with deferred fragments: a plan for the first part, and one for each deferred fragment.
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  print,
  type SelectionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { writePartDocument } from '#gateway/deferral/part-document.ts'
import { type DeferredSteps, runInParts } from '#gateway/deferral/part-execution.ts'
import { compilePlan } from '#gateway/executor/compile-plan.ts'
import type { Execution } from '#gateway/executor/execution.ts'
import { createIsSelected } from '#gateway/executor/subgraph-errors.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import { withExecutableDirectives } from '#gateway/planner/plan/executable-directives.ts'
import type { DeferredPlan, PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { nameRequests } from '#gateway/planner/plan/request-names.ts'
import type { Supergraph } from '#gateway/supergraph/supergraph.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'
import type { PartResult } from '#platform/graphql/incremental/publisher.ts'

type Variables = Readonly<Record<string, unknown>>

type DeferringOperation = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly names: PlanNames
  /** The most bytes of the data of all parts together. */
  readonly maxBytes: number
}

/**
 * Runs an operation up to its first part, for a client that accepts parts in this form. Resolves with undefined, and has
 * fetched nothing, when the planner has no correct plan for the parts.
 */
export type RunInParts = (execution: Execution, form: PartsForm) => Promise<PartResult | undefined>

/** The most combinations of conditions of one operation whose plans are kept. */
const MAX_VARIANTS = 32

/**
 * Apollo's planner plans the parts; its plan must have all fields of each part in time. Returns undefined for an operation
 * of which objects may have another type than their `__typename` says.
 */
export function createDeferral(
  operation: DeferringOperation,
  supergraph: Supergraph,
): RunInParts | undefined {
  if (supergraph.interfaceObjects.size > 0 || selectsPartlyHidden(operation, supergraph)) return undefined
  const conditions = conditionsOf(operation)
  const variants = new LRUCache<string, Promise<DeferredSteps | undefined>>({ max: MAX_VARIANTS })
  return async (execution, form) => {
    const { variables } = execution
    const key = conditions.map(name => (variables[name] === true ? '+' : '-')).join('')
    const found = variants.get(key)
    const planning = found ?? plan(operation, variables, supergraph)
    if (!found) variants.set(key, planning)
    planning.catch(() => variants.delete(key))
    const steps = await planning
    return steps && runInParts(steps, { ...operation, execution, supergraph, repeats: form === 'paths' })
  }
}

/** Returns whether anything is selected of an interface or a union that hidden object types are of. */
function selectsPartlyHidden(
  { operation, fragments }: DeferringOperation,
  { schema, partlyHidden }: Supergraph,
): boolean {
  if (partlyHidden.size === 0) return false
  const types = new TypeInfo(schema)
  let found = false
  for (const definition of [operation, ...fragments.values()])
    visit(
      definition,
      visitWithTypeInfo(types, {
        SelectionSet() {
          found ||= partlyHidden.has(types.getParentType()?.name ?? '')
        },
      }),
    )
  return found
}

/** Returns the variables that `@skip`, `@include` and `@defer` depend on. */
function conditionsOf({ operation, fragments }: DeferringOperation): string[] {
  const names = new Set<string>()
  for (const definition of [operation, ...fragments.values()])
    visit(definition, {
      Directive({ arguments: given = [] }) {
        for (const { name, value } of given)
          if (name.value === 'if' && value.kind === Kind.VARIABLE) names.add(value.name.value)
      },
    })
  return [...names].sort()
}

async function plan(
  { operation, fragments, names }: DeferringOperation,
  variables: Variables,
  supergraph: Supergraph,
): Promise<DeferredSteps | undefined> {
  const { document, labels } = writePartDocument({ operation, fragments, names, variables })
  const planned = await supergraph.planWithApollo(print(document), operation.name?.value)
  if ('refusal' in planned || planned.flaw !== undefined || !planned.deferred) return undefined
  const known = {
    matches: supergraph.matches,
    names,
    isSelected: createIsSelected(document, supergraph.matches),
  }
  const { variableDefinitions: definitions = [] } = operation
  const compile = (node: PlanNode | undefined) => {
    const executable = node && withExecutableDirectives(node, { directives: names.directives, definitions })
    return compilePlan(executable && nameRequests(executable, operation.name?.value), known)
  }
  const steps = new Map<string, { step: ReturnType<typeof compile>; after: string | undefined }>()
  const add = (parts: readonly DeferredPlan[], after: string | undefined) => {
    for (const { label, node, deferred } of parts) {
      steps.set(label, { step: compile(node), after })
      add(deferred, label)
    }
  }
  add(planned.deferred, undefined)
  return {
    first: compile(planned.node),
    steps,
    labelsOf: (selection: SelectionNode) => labels.get(selection) ?? [],
  }
}
