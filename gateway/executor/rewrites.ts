// Renames and overwrites that a plan asks for in what goes to a subgraph and in what comes back. In place.
import type { JsonObject } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import type { Rewrite, RewritePath } from '#gateway/planner/plan/query-plan.ts'
import { isObject } from '#platform/domain/json.ts'

export function compileRewrites(
  rewrites: readonly Rewrite[],
  matches: TypeMatch,
): (value: JsonObject | readonly unknown[]) => void {
  return value => {
    for (const rewrite of rewrites) {
      if ('ValueSetter' in rewrite) {
        const { path, setValueTo } = rewrite.ValueSetter
        walk(value, path, matches, (parent, key) => {
          parent[key] = setValueTo
        })
      } else {
        const { path, renameKeyTo } = rewrite.KeyRenamer
        walk(value, path, matches, (parent, key) => rename(parent, key, renameKeyTo))
      }
    }
  }
}

function rename(parent: JsonObject, key: string, to: string): void {
  if (!(key in parent)) return
  parent[to] = parent[key]
  delete parent[key]
}

/** Calls `act` with every object that the path's last key belongs to. */
function walk(
  value: unknown,
  path: RewritePath,
  matches: TypeMatch,
  act: (parent: JsonObject, key: string) => void,
): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, path, matches, act)
    return
  }
  const [segment, ...rest] = path
  if (segment === undefined || !isObject(value)) return
  if ('TypenameEquals' in segment) {
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    if (typename === undefined || segment.TypenameEquals.some(name => matches(typename, name)))
      walk(value, rest, matches, act)
    return
  }
  if (rest.length === 0) act(value, segment.Key)
  else walk(value[segment.Key], rest, matches, act)
}
