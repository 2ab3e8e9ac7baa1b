// Converts Apollo's query plans to the plans that the executor runs.
import type {
  FetchNode as ApolloFetch,
  FetchDataRewrite,
  QueryPlan,
  QueryPlanSelectionNode,
} from '@apollo/query-planner'
import type {
  DeferredPlan,
  FetchNode,
  FlattenPath,
  PlanNode,
  RequiredSelection,
  Rewrite,
  RewritePath,
} from '#gateway/planner/plan/query-plan.ts'

type ApolloNode = NonNullable<QueryPlan['node']>

const ON_TYPE = '... on '
const ENTITIES: RewritePath = [{ Key: '_entities' }]

type DeferNode = Extract<ApolloNode, { readonly kind: 'Defer' }>
type DeferringPlan = { readonly node: PlanNode | undefined; readonly deferred: readonly DeferredPlan[] }

/** Converts a plan that may defer parts of the response. Throws the same as `convertApolloPlan`. */
export function convertDeferringPlan(node: ApolloNode | undefined): DeferringPlan {
  if (node?.kind !== 'Defer') return { node: node && convertApolloPlan(node), deferred: [] }
  const { primary, deferred } = node
  return {
    node: primary.node && convertApolloPlan(primary.node),
    deferred: deferred.map(convertDeferred),
  }
}

function convertDeferred({ label, node }: DeferNode['deferred'][number]): DeferredPlan {
  if (label === undefined) throw new Error('the plan has a deferred part without a label')
  return { label, ...convertDeferringPlan(node) }
}

/**
 * Throws an Error for what the executor does not support: parts that are deferred somewhere within a plan, and arguments set
 * by `@fromContext`.
 */
export function convertApolloPlan(node: ApolloNode): PlanNode {
  switch (node.kind) {
    case 'Fetch':
      return convertFetch(node)
    case 'Sequence':
    case 'Parallel':
      return { kind: node.kind, nodes: node.nodes.map(convertApolloPlan) }
    case 'Flatten':
      return { kind: 'Flatten', path: convertPath(node.path), node: convertApolloPlan(node.node) }
    case 'Condition':
      return {
        kind: 'Condition',
        condition: node.condition,
        ifClause: node.ifClause ? convertApolloPlan(node.ifClause) : null,
        elseClause: node.elseClause ? convertApolloPlan(node.elseClause) : null,
      }
    case 'Subscription': {
      const subscription = { kind: 'Subscription', primary: convertFetch(node.primary) } as const
      return node.rest
        ? { kind: 'Sequence', nodes: [subscription, convertApolloPlan(node.rest)] }
        : subscription
    }
    case 'Defer':
      throw new Error('the plan defers a part of the response')
  }
}

function convertFetch(fetch: ApolloFetch): FetchNode {
  const { serviceName, operation, operationName, operationKind, variableUsages, requires } = fetch
  if (fetch.contextRewrites?.length) throw new Error('the plan sets arguments from the context')
  const ofEntities = requires !== undefined && requires.length > 0
  return {
    kind: 'Fetch',
    serviceName,
    operation,
    operationKind,
    ...(operationName !== undefined && { operationName }),
    ...(variableUsages && { variableUsages }),
    ...(ofEntities && { requires: requires.flatMap(convertSelection) }),
    ...(fetch.inputRewrites && {
      inputRewrites: fetch.inputRewrites.map(rewrite => convertRewrite(rewrite, [])),
    }),
    ...(fetch.outputRewrites && {
      outputRewrites: fetch.outputRewrites.map(rewrite =>
        convertRewrite(rewrite, ofEntities ? ENTITIES : []),
      ),
    }),
  }
}

function convertSelection(selection: QueryPlanSelectionNode): readonly RequiredSelection[] {
  if (selection.kind === 'Field') {
    const { name, alias, selections } = selection
    const inner = selections && { selections: selections.flatMap(convertSelection) }
    return [{ kind: 'Field', name, ...(alias !== undefined && { alias }), ...inner }]
  }
  const selections = selection.selections.flatMap(convertSelection)
  const { typeCondition } = selection
  return typeCondition === undefined ? selections : [{ kind: 'InlineFragment', typeCondition, selections }]
}

function convertPath(path: readonly (string | number)[]): FlattenPath {
  return path.map(segment => (segment === '@' ? '@' : { Field: String(segment) }))
}

/** Apollo's paths begin at the entity, the executor's at the root of the subgraph's response. */
function convertRewrite(rewrite: FetchDataRewrite, from: RewritePath): Rewrite {
  const path = [
    ...from,
    ...rewrite.path.map(segment =>
      segment.startsWith(ON_TYPE) ? { TypenameEquals: [segment.slice(ON_TYPE.length)] } : { Key: segment },
    ),
  ]
  return rewrite.kind === 'ValueSetter'
    ? { ValueSetter: { path, setValueTo: rewrite.setValueTo } }
    : { KeyRenamer: { path, renameKeyTo: rewrite.renameKeyTo } }
}
