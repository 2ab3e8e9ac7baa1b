import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseServerEvents, type ServerEvent } from '#gateway/subscriptions/upstream/sse-parser.ts'

async function read(
  chunks: readonly string[] | readonly Uint8Array[],
  maxBytes = 1000,
): Promise<ServerEvent[]> {
  async function* bytes() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
  }
  const events: ServerEvent[] = []
  for await (const event of parseServerEvents(bytes(), maxBytes)) events.push(event)
  return events
}

describe('server-sent events', () => {
  it.each([
    ['event: next\ndata: {"a":1}\n\n', [{ name: 'next', data: '{"a":1}', id: undefined }]],
    ['data: one\ndata:two\n\n', [{ name: 'message', data: 'one\ntwo', id: undefined }]],
    ['event: next\r\nid: 7\r\ndata: x\r\n\r\n', [{ name: 'next', data: 'x', id: '7' }]],
    [
      'id: 1\ndata: a\n\ndata: b\n\n',
      [
        { name: 'message', data: 'a', id: '1' },
        { name: 'message', data: 'b', id: '1' },
      ],
    ],
    [':\n\n: comment\n\nretry: 1000\n\n', []],
    ['event: complete\ndata\n\n', [{ name: 'complete', data: '', id: undefined }]],
    ['event: next\ndata: unfinished\n', []],
    ['event: lost\n\ndata: x\n\n', [{ name: 'message', data: 'x', id: undefined }]],
  ])('are parsed from %j', async (text, events) => {
    expect(await read([text])).toEqual(events)
  })

  it('are parsed alike in whatever chunks they arrive', async () => {
    const text =
      'retry: 1\n\nevent: next\nid: 1\ndata: {"t":"…ü€😀"}\r\n\r\n:\n\nevent: next\ndata: a\ndata: b\n\n'
    const whole = new TextEncoder().encode(text)
    const events = await read([text])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(whole.length)), async places => {
        const cuts = [0, ...places.sort((one, other) => one - other), whole.length]
        const chunks = cuts.slice(1).map((end, index) => whole.subarray(cuts[index], end))
        expect(await read(chunks)).toEqual(events)
      }),
    )
  })

  it('are refused when they are too large, in one line or many, complete or not', async () => {
    for (const text of [`data: ${'x'.repeat(50)}`, `${'data: 123456789\n'.repeat(10)}\n`])
      await expect(read([text], 40)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
