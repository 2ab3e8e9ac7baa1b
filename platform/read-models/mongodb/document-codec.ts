// Keys and text of documents as MongoDB's servers all take them: keys without dots, dollars and NUL, text without NUL. Free of I/O.
import type { Json } from '#platform/domain/json.ts'

const SPECIAL = /[%.$\0]/g
const ENCODED = /%([0-9a-f]{2})/g

function encodeKey(key: string): string {
  return key.replace(SPECIAL, char => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** U+FFFD for NUL, which FerretDB cannot hold where PostgreSQL is behind it. */
export function storedText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
}

export function decodeKey(key: string): string {
  return key.includes('%')
    ? key.replace(ENCODED, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : key
}

type Rekeyed = string | number | boolean | null | Rekeyed[] | { [key: string]: Rekeyed }

/** The document with its keys encoded, and without members that are undefined. */
export function encodeDocument(doc: Json): { [key: string]: Rekeyed } | null {
  const encoded = mapKeys(doc, encodeKey)
  return encoded !== null && typeof encoded === 'object' && !Array.isArray(encoded) ? encoded : null
}

/** A copy with every key, at any depth, put through `rename`, and with text that can be stored. */
export function mapKeys(value: Json, rename: (key: string) => string): Rekeyed {
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
