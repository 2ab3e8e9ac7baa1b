// Decodes a file as a stream and rejects bytes that its encoding does not allow, with their offset.
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { OperatorError } from '#platform/domain/errors.ts'

const NEWLINE = 10

/** Throws OperatorError USAGE for a name that the WHATWG Encoding Standard does not know. */
export function checkEncoding(name: string): void {
  try {
    new TextDecoder(name)
  } catch {
    throw new OperatorError(
      'USAGE',
      `"${name}" is no encoding that can be read: use a name such as utf-8, latin1, windows-1252 or utf-16le.`,
    )
  }
}

/**
 * Yields the text of `file` in pieces of up to 64 KiB, without a byte order mark. Throws OperatorError
 * IMPORT_FILE_UNREADABLE when it cannot be read or decoded: the message then names the byte offset (from 0) and the line.
 */
export async function* decodedText(file: string, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let before = 0
  for await (const chunk of readBytes(file)) {
    const text = decode(decoder, chunk)
    if (text === undefined) throw await notEncoded(file, encoding, before)
    yield text
    before += chunk.length
  }
  if (decode(decoder) === undefined) throw await notEncoded(file, encoding, before)
}

async function* readBytes(file: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(file)) if (Buffer.isBuffer(chunk)) yield chunk
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(
      'IMPORT_FILE_UNREADABLE',
      isAbsent ? `There is no file ${file}.` : `${file} cannot be read: ${reason}.`,
      cause,
    )
  }
}

/** Returns undefined when the bytes do not decode. Without `bytes`, checks the end of the text. */
function decode(decoder: InstanceType<typeof TextDecoder>, bytes?: Buffer): string | undefined {
  try {
    return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
  } catch {
    return undefined
  }
}

async function notEncoded(file: string, encoding: string, faultyChunk: number): Promise<OperatorError> {
  const { offset, line, byte } = await firstFault(file, encoding, faultyChunk)
  const shown = byte.toString(16).toUpperCase().padStart(2, '0')
  return new OperatorError(
    'IMPORT_FILE_UNREADABLE',
    `${path.basename(file)} is not ${encoding}: byte 0x${shown} at offset ${offset} (line ${line}) is part of no character. Save the file as UTF-8, or state its encoding, such as --encoding latin1.`,
  )
}

/**
 * Finds the first invalid character. Reads the file again, byte by byte from the chunk before the faulty one on, since a
 * character may begin in one chunk and end in the next; it is named by its first byte.
 */
async function firstFault(file: string, encoding: string, faultyChunk: number) {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const fault = { offset: 0, line: 1, byte: 0 }
  let line = 1
  let before = 0
  for await (const chunk of readBytes(file)) {
    const isNear = before + chunk.length >= faultyChunk
    if (!isNear) decode(decoder, chunk)
    for (const [index, byte] of chunk.entries()) {
      if (fault.offset === before + index) Object.assign(fault, { line, byte })
      const text = isNear ? decode(decoder, chunk.subarray(index, index + 1)) : ' '
      if (text === undefined) return fault
      if (byte === NEWLINE) line++
      if (text !== '') fault.offset = before + index + 1
    }
    before += chunk.length
  }
  return fault
}
