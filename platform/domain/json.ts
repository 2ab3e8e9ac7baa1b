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
