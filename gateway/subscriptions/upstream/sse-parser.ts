// Parses server-sent events from the bytes of a stream, as the HTML standard says, within a bound.
import { CallerError } from '#platform/domain/errors.ts'

export type ServerEvent = {
  readonly name: string
  readonly data: string
  /** The last id that the stream gave: it also applies to later events without an id. */
  readonly id: string | undefined
}

type Draft = { name: string; data: string[]; size: number }

/** Throws UNAVAILABLE for an event of more than `maxBytes`. Drops an unfinished event at the end of the stream. */
export async function* parseServerEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<ServerEvent> {
  let draft = emptyDraft()
  let id: string | undefined
  for await (const line of linesOf(chunks, maxBytes)) {
    if (line === '') {
      if (draft.data.length > 0) yield { name: draft.name, data: draft.data.join('\n'), id }
      draft = emptyDraft()
      continue
    }
    const [field, value] = fieldOf(line)
    if (field === 'event') draft.name = value
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'data') {
      draft.size += value.length
      if (draft.size > maxBytes) throw tooLarge(maxBytes)
      draft.data.push(value)
    }
  }
}

function emptyDraft(): Draft {
  return { name: 'message', data: [], size: 0 }
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  if (colon < 0) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest: string[] = []
  let size = 0
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true })
    const lines = text.split('\n')
    const last = lines.pop() ?? ''
    for (const line of lines) {
      const whole = rest.length > 0 ? rest.join('') + line : line
      rest = []
      size = 0
      yield whole.endsWith('\r') ? whole.slice(0, -1) : whole
    }
    if (last === '') continue
    rest.push(last)
    size += last.length
    if (size > maxBytes) throw tooLarge(maxBytes)
  }
}

function tooLarge(maxBytes: number): CallerError {
  return new CallerError('UNAVAILABLE', `an event is larger than ${maxBytes} bytes`)
}
