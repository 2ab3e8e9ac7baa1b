import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { fromBatch, toBatches } from '#platform/event-bus/postgres/batch-codec.ts'

function message(position: number, text: string): BusMessage {
  return {
    topic: 'orders',
    position,
    eventId: `event-${position}`,
    stream: 'order-1',
    version: position,
    type: 'Noted',
    data: { text },
    meta: {},
    at: '2026-12-01T00:00:00.000Z',
  }
}

test('messages come out of batches as they went in, each batch under the position of its last', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 500 }), { maxLength: 250 }), texts => {
      const messages = texts.map((text, index) => message(index + 1, text))
      const batches = toBatches(messages)
      const stored = batches.map(batch => fromBatch(batch.messages))
      expect(stored.flat()).toEqual(messages)
      expect(batches.map(({ last }) => last)).toEqual(stored.map(batch => batch.at(-1)?.position))
    }),
    { numRuns: 30 },
  )
})

test('a batch has at most 100 messages, and is full with 64 thousand characters', () => {
  const sizes = (messages: readonly BusMessage[]) =>
    toBatches(messages).map(batch => fromBatch(batch.messages).length)
  const range = (count: number, text: string) =>
    Array.from({ length: count }, (_, index) => message(index + 1, text))
  expect(sizes(range(250, ''))).toEqual([100, 100, 50])
  expect(sizes(range(5, 'x'.repeat(40_000)))).toEqual([2, 2, 1])
  expect(sizes([])).toEqual([])
})
