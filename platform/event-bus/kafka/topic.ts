// A topic of the bus in Kafka: made with the partitions that the URL states, or refused. Free of its messages.
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigResourceTypes } from '@platformatic/kafka'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  hasApiError,
  type KafkaConnection,
  type PartitionLayout,
  withRetry,
} from '#platform/event-bus/kafka/connection.ts'
import type { KafkaSettings } from '#platform/event-bus/kafka-url.ts'

export type Topic = {
  /** The service's. */
  readonly name: string
  readonly kafkaName: string
  /** As it was when the topic was opened: its id and its number of partitions stay. */
  readonly layout: PartitionLayout
}

/**
 * The bus deletes old messages itself, in the order of their positions, and never the last of a partition: Kafka would
 * go by segments. A message's time is when it was appended, however old its event is.
 */
const CONFIGS = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
} as const

const LEADERS_WITHIN_MS = 10_000

export function kafkaNameOf({ namespace }: KafkaSettings, name: string): string {
  return `${namespace}.${name}`
}

/** Makes the topic if there is none. Throws OperatorError EVENT_BUS_TOPIC_WRONG if it is of another shape. */
export async function openTopic(
  lane: KafkaConnection,
  settings: KafkaSettings,
  name: string,
): Promise<Topic> {
  const kafkaName = kafkaNameOf(settings, name)
  const layout = (await findLayout(lane, kafkaName)) ?? (await createTopic(lane, settings, kafkaName))
  checkPartitions(settings, kafkaName, layout)
  await checkConfigs(lane, kafkaName)
  return { name, kafkaName, layout }
}

/** The bus's topics that there are already. Throws OperatorError EVENT_BUS_TOPIC_WRONG if one has other partitions. */
export async function checkTopics(lane: KafkaConnection, settings: KafkaSettings): Promise<string[]> {
  const prefix = kafkaNameOf(settings, '')
  const names = (await withRetry(lane, () => lane.admin.listTopics())).filter(name => name.startsWith(prefix))
  for (const kafkaName of names) {
    const layout = await findLayout(lane, kafkaName)
    if (layout) checkPartitions(settings, kafkaName, layout)
  }
  return names.map(name => name.slice(prefix.length))
}

async function findLayout(lane: KafkaConnection, kafkaName: string): Promise<PartitionLayout | undefined> {
  const deadline = performance.now() + LEADERS_WITHIN_MS
  for (;;) {
    const layout = await withRetry(lane, () =>
      lane.layout(kafkaName).catch((error: unknown) => {
        if (error instanceof Error && /^Unknown topic /.test(error.message)) return undefined
        throw error
      }),
    )
    if (!layout || layout.leaders.every(node => node >= 0) || performance.now() > deadline) return layout
    lane.forgetLayout()
    await delay(50)
  }
}

async function createTopic(
  lane: KafkaConnection,
  settings: KafkaSettings,
  kafkaName: string,
): Promise<PartitionLayout> {
  const { partitions, replication } = settings
  const configs = Object.entries(CONFIGS).map(([name, value]) => ({ name, value }))
  await withRetry(lane, () =>
    lane.admin
      .createTopics({ topics: [kafkaName], partitions, replicas: replication, configs })
      .catch((error: unknown) => {
        if (!hasApiError(error, 'TOPIC_ALREADY_EXISTS')) throw error
      }),
  )
  const deadline = performance.now() + LEADERS_WITHIN_MS
  for (;;) {
    const layout = await findLayout(lane, kafkaName)
    if (layout && layout.leaders.length > 0 && layout.leaders.every(node => node >= 0)) return layout
    if (performance.now() > deadline)
      throw new OperatorError(
        'EVENT_BUS_TOPIC_WRONG',
        `Kafka's topic ${kafkaName} was made, but nobody leads it`,
      )
    lane.forgetLayout()
    await delay(50)
  }
}

function checkPartitions(
  { partitions }: KafkaSettings,
  kafkaName: string,
  { leaders }: PartitionLayout,
): void {
  if (leaders.length === partitions) return
  throw new OperatorError(
    'EVENT_BUS_TOPIC_WRONG',
    `Kafka's topic ${kafkaName} has ${leaders.length} partitions, where EVENT_BUS_URL asks for ${partitions}. ` +
      `Say partitions=${leaders.length} in EVENT_BUS_URL: a stream's messages stay in order only while the number stays.`,
  )
}

async function checkConfigs(lane: KafkaConnection, kafkaName: string): Promise<void> {
  const configurationKeys = Object.keys(CONFIGS)
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: kafkaName, configurationKeys }
  const [described] = await withRetry(lane, () => lane.admin.describeConfigs({ resources: [resource] }))
  for (const [name, value] of Object.entries(CONFIGS)) {
    const found = described?.configs.find(config => config.name === name)?.value
    if (found === value) continue
    throw new OperatorError(
      'EVENT_BUS_TOPIC_WRONG',
      `Kafka's topic ${kafkaName} must have ${name}=${value}, not ${found}: the bus itself deletes its old messages`,
    )
  }
}
