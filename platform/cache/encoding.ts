// Encodes a cached value as MessagePack, deflated when it is large, after a byte that names the format.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { Decoder, Encoder } from '@msgpack/msgpack'
import type { PositionVector } from '#platform/consistency/position-vector.ts'

type StoredValue = {
  /** Undefined means "not there". Byte arrays are kept as they are; members that are undefined are left out. */
  readonly value: unknown
  readonly at: PositionVector
  readonly tags: readonly string[]
  /** Milliseconds since 1970. */
  readonly bornAt: number
}

/** Bytes of another format are unreadable: change these numbers when the content changes. */
const PLAIN = 1
const DEFLATED = 2
const DEFLATED_FROM_BYTES = 1_024
const MAX_BYTES = 32 * 1024 * 1024

const encoder = new Encoder({ ignoreUndefined: true })
const decoder = new Decoder()

export function encode({ value, at, tags, bornAt }: StoredValue): Uint8Array {
  const body = encoder.encodeSharedRef([bornAt, at, tags, value === undefined ? [] : [value]])
  if (body.byteLength < DEFLATED_FROM_BYTES) return prefixed(PLAIN, body)
  return prefixed(DEFLATED, deflateRawSync(body, { level: constants.Z_BEST_SPEED }))
}

/** Returns undefined when the bytes cannot be read, for whatever reason. */
export function decode(bytes: Uint8Array): StoredValue | undefined {
  try {
    const body = bodyOf(bytes)
    return body && storedIn(decoder.decode(body))
  } catch {
    return undefined
  }
}

function prefixed(form: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.byteLength + 1)
  bytes[0] = form
  bytes.set(body, 1)
  return bytes
}

/** Copies the bytes: byte arrays inside the value are views of them, and they may be a part of a driver's buffer. */
function bodyOf(bytes: Uint8Array): Uint8Array | undefined {
  switch (bytes[0]) {
    case PLAIN:
      return new Uint8Array(bytes).subarray(1)
    case DEFLATED:
      return plainBytes(inflateRawSync(bytes.subarray(1), { maxOutputLength: MAX_BYTES }))
    default:
      return undefined
  }
}

/** Returns a plain Uint8Array: views of a Buffer would be Buffers, too. */
function plainBytes({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function storedIn(decoded: unknown): StoredValue | undefined {
  if (!Array.isArray(decoded)) return undefined
  const [bornAt, at, tags, boxed] = decoded as unknown[]
  if (typeof bornAt !== 'number' || !isVector(at) || !isStringArray(tags) || !Array.isArray(boxed))
    return undefined
  return { value: boxed[0], at, tags, bornAt }
}

function isVector(value: unknown): value is PositionVector {
  return typeof value === 'object' && value !== null && Object.values(value).every(isNumber)
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(text => typeof text === 'string')
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}
