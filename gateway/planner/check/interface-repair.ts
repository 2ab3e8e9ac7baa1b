// Mends plans that ask a subgraph, which has an object in place of an interface, for some of the interface's types only. Pure.
import type { FlattenPath, PlanNode, RequiredSelection, Rewrite } from '#gateway/planner/plan/query-plan.ts'

/**
 * Hive's planner takes fetches that differ by the object type alone for one, when the subgraph does not know these types.
 * Here such fetches are made for all objects of the interface.
 */
export function widenToInterfaces(node: PlanNode): PlanNode {
  switch (node.kind) {
    case 'Fetch': {
      const type = standInOf(node.inputRewrites)
      return type === undefined || !node.requires ? node : { ...node, requires: ofWhole(node.requires, type) }
    }
    case 'BatchFetch': {
      const aliases = node.entityBatch.aliases.map(alias => {
        const type = standInOf(alias.inputRewrites)
        if (type === undefined) return alias
        const paths = alias.paths.map(path => toWhole(path, type))
        return { ...alias, paths, requires: ofWhole(alias.requires, type) }
      })
      return { ...node, entityBatch: { aliases } }
    }
    case 'Flatten': {
      const type = node.node.kind === 'Fetch' ? standInOf(node.node.inputRewrites) : undefined
      return {
        ...node,
        node: widenToInterfaces(node.node),
        ...(type !== undefined && { path: toWhole(node.path, type) }),
      }
    }
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(widenToInterfaces) }
    case 'Condition':
      return {
        ...node,
        ifClause: node.ifClause ? widenToInterfaces(node.ifClause) : null,
        elseClause: node.elseClause ? widenToInterfaces(node.elseClause) : null,
      }
    case 'Subscription':
      return node
  }
}

/** The interface that representations are told to be of. */
function standInOf(rewrites: readonly Rewrite[] = []): string | undefined {
  for (const rewrite of rewrites)
    if ('ValueSetter' in rewrite) {
      const { path, setValueTo } = rewrite.ValueSetter
      const last = path.at(-1)
      if (last && 'Key' in last && last.Key === '__typename' && typeof setValueTo === 'string')
        return setValueTo
    }
  return undefined
}

/** Requirements by several types have lost none of them. */
function ofWhole(requires: readonly RequiredSelection[], type: string): readonly RequiredSelection[] {
  const [only] = requires
  return requires.length === 1 && only?.kind === 'InlineFragment'
    ? [{ ...only, typeCondition: type }]
    : requires
}

function toWhole(path: FlattenPath, type: string): FlattenPath {
  const last = path.at(-1)
  return last !== undefined && last !== '@' && 'TypeCondition' in last
    ? [...path.slice(0, -1), { TypeCondition: [type] }]
    : path
}
