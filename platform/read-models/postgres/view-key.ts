// Computes the keys by which documents are found and sorted in PostgreSQL.
import type { Json } from '#platform/domain/json.ts'
import { storableText } from '#platform/postgres/pool.ts'

/** A string shorter than this, in UTF-16 units, is identified by its key alone. */
export const KEYED_LENGTH = 200

/** The first characters of keys: a type's keys are between its own and the next type's. */
export const FIRST_KEYS = { number: "'1'", string: "'2'", boolean: "'3'", nothing: "'4'" } as const

const bits = new DataView(new ArrayBuffer(8))

/**
 * Returns one text per value that sorts, under COLLATE "C", in the port's order of values: so one index serves equality,
 * ranges and order, whatever the type. Numbers are their IEEE 754 bits, turned so that they sort as text. Strings
 * are cut to their first 200 characters, which keeps index entries within their limit.
 */
export function viewKey(value: Json | undefined): string {
  switch (typeof value) {
    case 'number':
      return numberKey(value)
    case 'string':
      return `2${firstCharacters(storableText(value))}`
    case 'boolean':
      return `3${value}`
    default:
      return '0'
  }
}

function numberKey(value: number): string {
  if (!Number.isFinite(value)) return '0' // JSON has null for it
  bits.setFloat64(0, value)
  const isNegative = value < 0
  const high = isNegative ? ~bits.getUint32(0) : bits.getUint32(0) | 0x80000000
  const low = isNegative ? ~bits.getUint32(4) : bits.getUint32(4)
  return `1${hex(high)}${hex(low)}`
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

function firstCharacters(text: string): string {
  return text.length <= KEYED_LENGTH
    ? text
    : [...text.slice(0, 2 * KEYED_LENGTH)].slice(0, KEYED_LENGTH).join('')
}
