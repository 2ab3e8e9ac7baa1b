// Writes the representations of entities, as JSON text, from the fields that a plan requires.
import type { Execution, JsonObject } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { compileRewrites } from '#gateway/executor/rewrites.ts'
import type { RequiredSelection, Rewrite } from '#gateway/planner/plan/query-plan.ts'
import { isObject } from '#platform/domain/json.ts'

/** Returns undefined when the object is no such entity, or only its type is known. */
type WriteRepresentation = (entity: JsonObject, variables: Execution['variables']) => string | undefined

type Selector = (value: unknown, variables: Execution['variables']) => string | undefined
type Field = {
  readonly name: string
  readonly key: string
  readonly quoted: string
  readonly inner?: Selector
}

export type Representation = {
  readonly write: WriteRepresentation
  /** Returns the fields that alone decide what is written for the type; undefined when more than fields does. */
  keysOf(typename: string): readonly string[] | undefined
}

export function compileRepresentation(
  requires: readonly RequiredSelection[],
  matches: TypeMatch,
  rewrites: readonly Rewrite[] | undefined,
): Representation {
  const written: Written = { values: 0 }
  const select = createSelector(requires, matches, written)
  const rewrite = rewrites?.length ? compileRewrites(rewrites, matches) : undefined
  return {
    keysOf: rewrite ? () => undefined : keysByType(requires, matches),
    write(entity, variables) {
      if (typeof entity.__typename !== 'string') return undefined
      const before = written.values
      const text = select(entity, variables)
      if (text === undefined || written.values === before) return undefined
      if (rewrite === undefined) return text
      const representation: unknown = JSON.parse(text)
      if (isObject(representation)) rewrite(representation)
      return JSON.stringify(representation)
    },
  }
}

function keysByType(requires: readonly RequiredSelection[], matches: TypeMatch): Representation['keysOf'] {
  if (requires.some(isConditional)) return () => undefined
  const known = new Map<string, readonly string[] | undefined>()
  return typename => {
    if (known.has(typename)) return known.get(typename)
    const fields = collectFields(requires, typename, { matches, variables: {}, written: { values: 0 } })
    const simple = fields.every(({ name, key, inner }) => inner === undefined && name === key)
    const keys = simple ? fields.map(({ key }) => key).filter(key => key !== '__typename') : undefined
    known.set(typename, keys)
    return keys
  }
}

/** Counts the values other than null that were written. */
type Written = { values: number }

/**
 * Collects the fields of each runtime type once. A null is written, since the subgraph that requires the field is to know.
 * A field that is absent has failed, and so has what requires it.
 */
function createSelector(
  selections: readonly RequiredSelection[],
  matches: TypeMatch,
  written: Written,
): Selector {
  const conditional = selections.some(isConditional)
  const known = new Map<string | undefined, readonly Field[]>()

  function fieldsOf(typename: string | undefined, variables: Execution['variables']): readonly Field[] {
    if (conditional) return collectFields(selections, typename, { matches, variables, written })
    const found = known.get(typename)
    if (found) return found
    const fields = collectFields(selections, typename, { matches, variables, written })
    known.set(typename, fields)
    return fields
  }

  return function select(value, variables): string | undefined {
    if (value === null || value === undefined) return undefined
    if (Array.isArray(value)) {
      written.values += 1
      return `[${value.map(item => select(item, variables) ?? 'null').join(',')}]`
    }
    if (!isObject(value)) return JSON.stringify(value)
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    let text = ''
    for (const { name, key, quoted, inner } of fieldsOf(typename, variables)) {
      const field = value[name] === undefined ? value[key] : value[name]
      if (field === undefined && name === '__typename') continue
      if (field === undefined) return undefined
      if (field !== null && !inner && name !== '__typename') written.values += 1
      const part = inner ? (inner(field, variables) ?? 'null') : JSON.stringify(field)
      text += text === '' ? `{${quoted}${part}` : `,${quoted}${part}`
    }
    return text === '' ? '{}' : `${text}}`
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

type Collecting = {
  readonly matches: TypeMatch
  readonly variables: Execution['variables']
  readonly written: Written
}

function collectFields(
  selections: readonly RequiredSelection[],
  typename: string | undefined,
  { matches, variables, written }: Collecting,
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
    ...(field.selections.length > 0 && { inner: createSelector(field.selections, matches, written) }),
  }))
}
