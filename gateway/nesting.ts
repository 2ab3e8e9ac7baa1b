// How deep a JSON value goes. Pure.

/** Whether there are more than `levels` lists or objects within each other; never looks further down than that. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  for (const inner of Array.isArray(value) ? value : Object.values(value))
    if (isDeeper(inner, levels - 1)) return true
  return false
}
