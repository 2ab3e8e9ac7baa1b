// Applies a plan's rewrites to representations and to the data of responses, in place.
import type { JsonObject } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import type { Rewrite, RewritePath } from '#gateway/planner/plan/query-plan.ts'
import { isObject } from '#platform/domain/json.ts'

export function compileRewrites(
  rewrites: readonly Rewrite[],
  matches: TypeMatch,
): (value: JsonObject | readonly unknown[]) => void {
  const walks = rewrites.map(rewrite => compileRewrite(rewrite, matches))
  return value => {
    for (const { path, walking } of walks) walk(value, path, walking)
  }
}

function compileRewrite(
  rewrite: Rewrite,
  matches: TypeMatch,
): { readonly path: RewritePath; readonly walking: Walk } {
  if ('KeyRenamer' in rewrite) {
    const { path, renameKeyTo } = rewrite.KeyRenamer
    return { path, walking: { matches, act: (parent, key) => rename(parent, key, renameKeyTo) } }
  }
  const { path, setValueTo } = rewrite.ValueSetter
  const act: Act = (parent, key) => {
    parent[key] = setValueTo
  }
  return { path, walking: { matches, act } }
}

function rename(parent: JsonObject, key: string, to: string): void {
  if (!(key in parent)) return
  parent[to] = parent[key]
  delete parent[key]
}

type Act = (parent: JsonObject, key: string) => void
type Walk = { readonly matches: TypeMatch; readonly act: Act }

/** Calls `act` with every object that the last key of the path belongs to. */
function walk(value: unknown, path: RewritePath, walking: Walk): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, path, walking)
    return
  }
  const [segment, ...rest] = path
  if (segment === undefined || !isObject(value)) return
  if ('TypenameEquals' in segment) {
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    if (typename === undefined || segment.TypenameEquals.some(name => walking.matches(typename, name)))
      walk(value, rest, walking)
    return
  }
  if (rest.length === 0) walking.act(value, segment.Key)
  else walk(value[segment.Key], rest, walking)
}
