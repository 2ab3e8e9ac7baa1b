// How much memory a value takes, roughly: what bounds a cache by bytes. Pure.

const REFERENCE = 8
const STRING_HEADER = 24
const OBJECT_HEADER = 40

/** Bytes on the heap, within a factor of two or so. Plain data: no cycles. */
export function weigh(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return STRING_HEADER + value.length
    case 'object':
      return value === null ? REFERENCE : weighObject(value)
    default:
      return REFERENCE
  }
}

function weighObject(value: object): number {
  if (ArrayBuffer.isView(value)) return OBJECT_HEADER + value.byteLength
  let bytes = OBJECT_HEADER
  if (Array.isArray(value)) for (const item of value) bytes += REFERENCE + weigh(item)
  else for (const member of Object.values(value)) bytes += REFERENCE + weigh(member)
  return bytes
}
