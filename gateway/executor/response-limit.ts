// Limits the size of responses: one that is too large is abandoned while it is written, and becomes an error.
import type { Completion, WriteValue } from '#gateway/executor/execution.ts'

/** The default limit. */
export const DEFAULT_RESPONSE_BYTES = 32 * 1024 * 1024

/** Thrown while a response is written. */
export class ResponseTooLarge extends Error {}

/** Returns `write` with a limit: data of more than `maxBytes` is null, with one error that says why. */
export function limitData(write: WriteValue, maxBytes: number): WriteValue {
  return (value, completion) => {
    const text = writeUnlessTooLarge(write, value, completion)
    if (text !== undefined && !isLonger(text, maxBytes)) return text
    completion.errors.length = 0
    completion.errors.push({ ...tooLarge(maxBytes) })
    return 'null'
  }
}

/** Limits responses that are sent together: those that do not fit any more are replaced by an error. */
export function limitResponses(texts: readonly string[], maxBytes: number): readonly string[] {
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  if (characters * MAX_BYTES_PER_CHARACTER <= maxBytes) return texts
  let left = maxBytes
  return texts.map(text => {
    left -= Buffer.byteLength(text)
    return left >= 0 ? text : `{"data":null,"errors":[${JSON.stringify(tooLarge(maxBytes))}]}`
  })
}

/** The most bytes of UTF-8 that a UTF-16 code unit takes. */
const MAX_BYTES_PER_CHARACTER = 3

function isLonger(text: string, maxBytes: number): boolean {
  return text.length * MAX_BYTES_PER_CHARACTER > maxBytes && Buffer.byteLength(text) > maxBytes
}

function writeUnlessTooLarge(write: WriteValue, value: unknown, completion: Completion): string | undefined {
  try {
    return write(value, completion)
  } catch (error) {
    if (error instanceof ResponseTooLarge) return undefined
    throw error
  }
}

/** Returns the error for data of more than `maxBytes`. */
export function tooLarge(maxBytes: number) {
  const message = `the response has more than ${maxBytes} bytes: select less at once`
  return { message, extensions: { code: 'BAD_USER_INPUT', maxBytes } }
}
