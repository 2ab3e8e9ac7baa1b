// Types the JSON that events, documents and saga inputs are made of, and checks JSON from elsewhere.
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }
export type JsonObject = { readonly [key: string]: Json | undefined }

/** An object of JSON from elsewhere, whose members are not checked yet. */
export type UnknownObject = { [key: string]: unknown }

/** Returns whether `value` is an object that is no array. */
export function isObject(value: unknown): value is UnknownObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns undefined for a text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Returns what parsing the JSON text of `value` would give, without the text: nothing is shared, members that are undefined
 * are left out, and `toJSON` is called. Objects have no prototype.
 */
export function copyJson<T>(value: T): T
export function copyJson(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(item => copyJson(item) ?? null)
  if ('toJSON' in value && typeof value.toJSON === 'function') return copyJson(value.toJSON())
  const copy: UnknownObject = Object.create(null)
  for (const [key, member] of Object.entries(value)) if (member !== undefined) copy[key] = copyJson(member)
  return copy
}
