// Entities as the subgraphs want them: what of an object goes into its representation, as JSON text. Compiled once.
import { type Execution, isObject, type JsonObject } from '#gateway/executor/execution.ts'
import type { RequiredSelection, Rewrite } from '#gateway/executor/plan.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { createRewrites } from '#gateway/executor/rewrites.ts'

/** Undefined when the object is no such entity, or nothing but its type is known of it. */
export type WriteRepresentation = (
  entity: JsonObject,
  variables: Execution['variables'],
) => string | undefined

type Selector = (value: unknown, variables: Execution['variables']) => string | undefined
type Field = {
  readonly name: string
  readonly key: string
  readonly quoted: string
  readonly inner?: Selector
}

export function compileRepresentation(
  requires: readonly RequiredSelection[],
  matches: TypeMatch,
  rewrites: readonly Rewrite[] | undefined,
): WriteRepresentation {
  const select = createSelector(requires, matches)
  const rewrite = rewrites?.length ? createRewrites(rewrites, matches) : undefined
  return (entity, variables) => {
    if (typeof entity.__typename !== 'string') return undefined
    const text = select(entity, variables)
    if (text === undefined || rewrite === undefined) return text
    const representation: unknown = JSON.parse(text)
    if (isObject(representation)) rewrite(representation)
    return JSON.stringify(representation)
  }
}

/** Fields of each type that objects turn out to have are worked out once. */
function createSelector(selections: readonly RequiredSelection[], matches: TypeMatch): Selector {
  const conditional = selections.some(isConditional)
  const known = new Map<string | undefined, readonly Field[]>()

  function fieldsOf(typename: string | undefined, variables: Execution['variables']): readonly Field[] {
    if (conditional) return collectFields(selections, typename, matches, variables)
    const found = known.get(typename)
    if (found) return found
    const fields = collectFields(selections, typename, matches, variables)
    known.set(typename, fields)
    return fields
  }

  return function select(value, variables): string | undefined {
    if (value === null || value === undefined) return undefined
    if (Array.isArray(value)) return `[${value.map(item => select(item, variables) ?? 'null').join(',')}]`
    if (!isObject(value)) return JSON.stringify(value)
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    let text = ''
    let named = false
    for (const { name, key, quoted, inner } of fieldsOf(typename, variables)) {
      const field = value[name] ?? value[key]
      const written = inner
        ? inner(field, variables)
        : field === null || field === undefined
          ? undefined
          : JSON.stringify(field)
      if (written === undefined) continue
      if (name !== '__typename') named = true
      text += text === '' ? `{${quoted}${written}` : `,${quoted}${written}`
    }
    return named ? `${text}}` : undefined
  }
}

function isConditional(selection: RequiredSelection): boolean {
  if (selection.kind === 'Field') return selection.selections?.some(isConditional) ?? false
  return (
    selection.skipIf !== undefined ||
    selection.includeIf !== undefined ||
    selection.selections.some(isConditional)
  )
}

function collectFields(
  selections: readonly RequiredSelection[],
  typename: string | undefined,
  matches: TypeMatch,
  variables: Execution['variables'],
): readonly Field[] {
  const merged = new Map<string, { name: string; selections: RequiredSelection[] }>()
  const visit = (selection: RequiredSelection): void => {
    if (selection.kind === 'InlineFragment') {
      if (selection.skipIf !== undefined && variables[selection.skipIf] === true) return
      if (selection.includeIf !== undefined && variables[selection.includeIf] !== true) return
      if (matches(typename, selection.typeCondition)) for (const inner of selection.selections) visit(inner)
      return
    }
    const key = selection.alias ?? selection.name
    const field = merged.get(key) ?? { name: selection.name, selections: [] }
    merged.set(key, field)
    field.selections.push(...(selection.selections ?? []))
  }
  for (const selection of selections) visit(selection)
  return [...merged].map(([key, field]) => ({
    name: field.name,
    key,
    quoted: `${JSON.stringify(key)}:`,
    ...(field.selections.length > 0 && { inner: createSelector(field.selections, matches) }),
  }))
}
