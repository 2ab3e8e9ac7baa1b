// Receives OTLP over HTTP and reads the spans out of its protobuf: just the fields that the tests look at.
import { createServer } from 'node:http'

export type ReceivedSpan = {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  /** Those that are text. */
  readonly attributes: Readonly<Record<string, string>>
}

type Field = { readonly number: number; readonly bytes: Uint8Array }

/** The length-delimited fields of a message; numbers are passed over. */
function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = varint()
    const wire = tag & 7
    if (wire === 0) varint()
    else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else {
      const length = varint()
      fields.push({ number: tag >> 3, bytes: message.subarray(at, at + length) })
      at += length
    }
  }
  return fields
}

const all = (message: Uint8Array, number: number) =>
  fieldsOf(message)
    .filter(field => field.number === number)
    .map(field => field.bytes)
const first = (message: Uint8Array, number: number) => all(message, number)[0] ?? new Uint8Array()
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function serviceOf(resourceSpans: Uint8Array): string {
  const attribute = all(first(resourceSpans, 1), 1).find(pair => text(first(pair, 1)) === 'service.name')
  return attribute ? text(first(first(attribute, 2), 1)) : ''
}

function textAttributes(span: Uint8Array): Record<string, string> {
  const pairs = all(span, 9).map(pair => [text(first(pair, 1)), text(first(first(pair, 2), 1))] as const)
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''))
}

function spansOf(request: Uint8Array): ReceivedSpan[] {
  return all(request, 1).flatMap(resourceSpans =>
    all(resourceSpans, 2)
      .flatMap(scopeSpans => all(scopeSpans, 2))
      .map(span => ({
        service: serviceOf(resourceSpans),
        name: text(first(span, 5)),
        traceId: hex(first(span, 1)),
        spanId: hex(first(span, 2)),
        parentId: hex(first(span, 4)),
        attributes: textAttributes(span),
      })),
  )
}

export async function startOtlpReceiver() {
  const spans: ReceivedSpan[] = []
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    if (request.url === '/v1/traces') spans.push(...spansOf(body))
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    endpoint: `http://127.0.0.1:${port}`,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
