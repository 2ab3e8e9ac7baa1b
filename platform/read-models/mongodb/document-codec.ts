// Encodes documents so that all MongoDB servers take them: keys without dots, dollars and NUL, text without NUL.
import type { Json } from '#platform/domain/json.ts'

const SPECIAL = /[%.$\0]/g
const ENCODED = /%([0-9a-f]{2})/g

function encodeKey(key: string): string {
  return key.replace(SPECIAL, char => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Returns the text with U+FFFD for each NUL, which FerretDB on PostgreSQL cannot hold. */
export function storedText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

export function decodeKey(key: string): string {
  return key.includes('%')
    ? key.replace(ENCODED, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : key
}

type MutableJson = string | number | boolean | null | MutableJson[] | { [key: string]: MutableJson }

/** Returns the document with its keys encoded, and without members that are undefined. */
export function encodeDocument(doc: Json): { [key: string]: MutableJson } | null {
  const encoded = mapKeys(doc, encodeKey)
  return encoded !== null && typeof encoded === 'object' && !Array.isArray(encoded) ? encoded : null
}

/** Returns a copy with `rename` applied to every key at any depth, and with text that can be stored. */
export function mapKeys(value: Json, rename: (key: string) => string): MutableJson {
  if (typeof value === 'string') return storedText(value)
  if (value === null || typeof value !== 'object') return value
  if (isArray(value)) return value.map(item => mapKeys(item, rename))
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [[rename(key), mapKeys(member, rename)] as const],
  )
  return Object.fromEntries(members)
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
