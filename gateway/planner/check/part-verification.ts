// Verifies a plan that defers parts of the response: after its plan has run, each part must have all of its fields.
import { type DocumentNode, Kind, type SelectionNode, visit } from 'graphql'
import type { createPlanVerifier, VerifiedPlan } from '#gateway/planner/check/plan-verification.ts'
import type { DeferredPlan, PlanNode } from '#gateway/planner/plan/query-plan.ts'
import { isDefer } from '#platform/graphql/incremental/defer-directive.ts'

/** `deferred` is there for an operation with `@defer` alone. */
export type VerifiedParts = VerifiedPlan & { readonly deferred?: readonly DeferredPlan[] }

type DeferringPlan = { readonly node: PlanNode | undefined; readonly deferred: readonly DeferredPlan[] }
type Around = { readonly nodes: readonly PlanNode[]; readonly labels: readonly string[] }

/** A plan that defers parts is not repaired. Each label is there once in the normalized operation of `document`. */
export function verifyParts(
  { node, deferred }: DeferringPlan,
  document: DocumentNode,
  verify: ReturnType<typeof createPlanVerifier>,
): VerifiedParts {
  function flawOf(parts: readonly DeferredPlan[], { nodes, labels }: Around): string | undefined {
    const plan: PlanNode | undefined = nodes.length > 0 ? { kind: 'Sequence', nodes } : undefined
    const verified = verify(plan, onlyParts(document, new Set(labels)))
    if (verified.flaw !== undefined) return verified.flaw
    if (verified.node !== plan) return 'a plan that defers parts would have to be repaired'
    for (const part of parts) {
      const within = { nodes: [...nodes, ...listOf(part.node)], labels: [...labels, part.label] }
      const flaw = flawOf(part.deferred, within)
      if (flaw !== undefined) return flaw
    }
    return undefined
  }

  return { node, deferred, flaw: flawOf(deferred, { nodes: listOf(node), labels: [] }) }
}

function listOf(node: PlanNode | undefined): readonly PlanNode[] {
  return node ? [node] : []
}

const TYPENAME: SelectionNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/** Returns the document with the deferred fragments of these labels as usual ones, and without the others. */
function onlyParts(document: DocumentNode, labels: ReadonlySet<string>): DocumentNode {
  const isLeftOut = ({ directives = [] }: SelectionNode) => directives.some(isDefer) && !isKept(directives)
  const isKept = (directives: NonNullable<SelectionNode['directives']>) =>
    directives
      .filter(isDefer)
      .every(({ arguments: given = [] }) =>
        given.some(({ value }) => value.kind === Kind.STRING && labels.has(value.value)),
      )
  return visit(document, {
    SelectionSet(set) {
      const selections = set.selections.filter(selection => !isLeftOut(selection))
      return { ...set, selections: selections.length > 0 ? selections : [TYPENAME] }
    },
    Directive: directive => (isDefer(directive) ? null : undefined),
  })
}
