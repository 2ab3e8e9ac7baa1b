// How large an answer may be: what passes the limit is given up while it is written, and told instead. Free of HTTP.
import type { Completion, WriteValue } from '#gateway/executor/completion.ts'

/** Bytes, where nothing else is said. */
export const DEFAULT_RESPONSE_BYTES = 32 * 1024 * 1024

/** Thrown while an answer is written. */
export class ResponseTooLarge extends Error {}

/** `write`, but for data of more than `maxBytes`: that is null, with one error that says why. */
export function limitData(write: WriteValue, maxBytes: number): WriteValue {
  return (value, completion) => {
    const text = writeOrGiveUp(write, value, completion)
    if (text !== undefined && !isLonger(text, maxBytes)) return text
    completion.errors.length = 0
    completion.errors.push({ ...tooLarge(maxBytes) })
    return 'null'
  }
}

/** Whole answers that go out together: those that do not fit any more are an error instead. */
export function limitResponses(texts: readonly string[], maxBytes: number): readonly string[] {
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  if (characters * MAX_BYTES_PER_CHARACTER <= maxBytes) return texts
  let left = maxBytes
  return texts.map(text => {
    left -= Buffer.byteLength(text)
    return left >= 0 ? text : `{"data":null,"errors":[${JSON.stringify(tooLarge(maxBytes))}]}`
  })
}

/** A UTF-16 unit is at most so much UTF-8. */
const MAX_BYTES_PER_CHARACTER = 3

function isLonger(text: string, maxBytes: number): boolean {
  return text.length * MAX_BYTES_PER_CHARACTER > maxBytes && Buffer.byteLength(text) > maxBytes
}

function writeOrGiveUp(write: WriteValue, value: unknown, completion: Completion): string | undefined {
  try {
    return write(value, completion)
  } catch (error) {
    if (error instanceof ResponseTooLarge) return undefined
    throw error
  }
}

function tooLarge(maxBytes: number) {
  const message = `the answer has more than ${maxBytes} bytes: ask for less at once`
  return { message, extensions: { code: 'BAD_USER_INPUT', maxBytes } }
}
