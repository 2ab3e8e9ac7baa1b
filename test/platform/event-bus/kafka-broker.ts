// A Kafka that the tests of one file share, and buses on it in a namespace of their own. Free of what is tested.
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { RunningEngine } from '#test/engines/engine.ts'
import { kafka } from '#test/engines/kafka.ts'

export type Broker = RunningEngine & {
  /** A URL of a namespace that no other test has. */
  fresh(): string
}

export async function startBroker(): Promise<Broker> {
  await kafka.obtain()
  const engine = await kafka.find()?.start()
  if (!engine) throw new Error('there is no Kafka here')
  let namespaces = 0
  return {
    ...engine,
    fresh() {
      namespaces += 1
      return new URL(`test-${Date.now().toString(36)}-${namespaces}`, engine.url).href
    },
  }
}

export function faultsOf(broker: RunningEngine): NonNullable<RunningEngine['faults']> {
  if (!broker.faults) throw new Error('this Kafka was given by its URL: it is not ours to hurt')
  return broker.faults
}

/** Tries again until the bus has taken them, as a service's publisher does. */
export async function publishSurely(bus: EventBus, topic: string, events: RecordedEvent[]): Promise<void> {
  for (;;)
    try {
      return await bus.publish(topic, events)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'UNAVAILABLE')) throw error
    }
}
