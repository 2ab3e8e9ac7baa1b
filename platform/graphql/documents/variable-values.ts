// How much the values of variables hold: counted before they are looked at, so that what is refused costs little. Pure.

/** Values of scalars of one's own have the depth that callers give them; text cannot be made of just any. */
export const MAX_VALUE_LEVELS = 500
/** Variable errors that are told. */
export const MAX_VARIABLE_ERRORS = 3

/** Says what is wrong when there are more than `most` values, or more than 500 levels of them. Stops counting there. */
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
