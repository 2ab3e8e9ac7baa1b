// Limits how many values the variables hold, before they are looked at: refusing them must cost little.

/** The values of custom scalars may nest at will; deeper ones cannot be serialised. */
const MAX_VALUE_LEVELS = 500
/** How many errors of variables are reported. */
export const MAX_VARIABLE_ERRORS = 3

/** Returns the problem when there are more than `most` values, or more than 500 levels. Stops counting there. */
export function variablesProblem(
  variables: Readonly<Record<string, unknown>> | undefined,
  most: number,
): string | undefined {
  let level: unknown[] = Object.values(variables ?? {})
  let count = level.length
  for (let depth = 1; level.length > 0; depth++) {
    if (count > most) return `The variables hold ${count} values or more; at most ${most} are allowed.`
    if (depth > MAX_VALUE_LEVELS) return `Variables are nested at most ${MAX_VALUE_LEVELS} levels deep.`
    const inner: unknown[] = []
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue
      const items = Object.values(value)
      count += items.length
      if (count > most) break
      for (const item of items) inner.push(item)
    }
    level = inner
  }
  return count > most ? `The variables hold ${count} values or more; at most ${most} are allowed.` : undefined
}
