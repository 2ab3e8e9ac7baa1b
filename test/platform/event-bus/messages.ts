// Builds events to publish, and collects delivered messages, for tests of the bus.
import type { BusMessage, Delivery } from '#platform/event-bus/event-bus.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'

/** Events at `from` to `to`, of three streams in turn. */
export function events(from: number, to: number): RecordedEvent[] {
  return Array.from({ length: to - from + 1 }, (_, index) => event(from + index))
}

function event(position: number): RecordedEvent {
  return {
    position,
    stream: `order-ord_${position % 3}`,
    version: Math.ceil(position / 3),
    id: `00000000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    type: 'OrderPlaced',
    schema: 1,
    data: { position, text: `Zoë "Z" \\ \u0000 🦊`, nested: { list: [1, null, true] } },
    meta: { actor: 'customer:cus_1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    recordedAt: new Date(1_700_000_000_000 + position).toISOString(),
  }
}

type Inbox = {
  readonly deliver: Delivery
  /** Positions in the order of delivery. */
  readonly positions: number[]
  readonly messages: BusMessage[]
  /** Resolves once `count` messages are there; fails after a minute. */
  received(count: number): Promise<number[]>
}

export function inbox(): Inbox {
  const messages: BusMessage[] = []
  const positions: number[] = []
  let check = () => {}
  return {
    messages,
    positions,
    async deliver(batch) {
      messages.push(...batch)
      positions.push(...batch.map(message => message.position))
      check()
    },
    received(count) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`got ${positions.length} of ${count} messages: ${positions.slice(-5)}`)),
          60_000,
        )
        check = () => {
          if (positions.length < count) return
          clearTimeout(timer)
          resolve(positions)
        }
        check()
      })
    },
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
