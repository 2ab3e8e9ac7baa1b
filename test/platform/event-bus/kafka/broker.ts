// Starts a Kafka that the tests of one file share, and gives each test a namespace of its own.
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { kafka } from '#testbed/engines/kafka.ts'

const found = kafka.find()

/** Why tests with Kafka are skipped; undefined when they can run. */
export const missing = missingReason(kafka)
/** False for one that was given by its URL: it is not to be killed or paused. */
export const isOurs = found?.from !== 'KAFKA_URL'
/** For the name of a suite. */
export const onKafka = missing ? `on Kafka (skipped: ${missing})` : `on ${found?.version}`

export type Broker = RunningEngine & {
  /** A URL of a namespace that no other test has. */
  fresh(): string
}

export async function startBroker(): Promise<Broker> {
  const engine = await found?.start()
  if (!engine) throw new Error('there is no Kafka here')
  return { ...engine, fresh: namespacesOf(engine) }
}

export function namespacesOf({ url }: RunningEngine): () => string {
  let namespaces = 0
  return () => {
    namespaces += 1
    return url.replace(/\/[^/]*$/, `/test-${Date.now().toString(36)}-${namespaces}`)
  }
}

export function faultsOf(broker: RunningEngine): NonNullable<RunningEngine['faults']> {
  if (!broker.faults) throw new Error('this Kafka was given by its URL: it is not ours to hurt')
  return broker.faults
}
