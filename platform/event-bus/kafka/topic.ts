// Opens topics in Kafka: creates them with the partitions that the URL states, and checks those that exist.
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigResourceTypes } from '@platformatic/kafka'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  hasApiError,
  type KafkaConnection,
  type PartitionLayout,
  withRetry,
} from '#platform/event-bus/kafka/connection.ts'
import type { KafkaSettings } from '#platform/event-bus/url.ts'

export type Topic = {
  /** The service's name. */
  readonly name: string
  readonly kafkaName: string
  /** The layout when the topic was opened: its id and its number of partitions never change. */
  readonly layout: PartitionLayout
}

/**
 * The bus deletes old messages itself, in the order of their positions, and never the last of a partition: Kafka would
 * delete whole segments. A message's time is when it was appended, however old its event is.
 */
const CONFIGS = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
} as const

const LEADERS_WITHIN_MS = 10_000

function kafkaNameOf({ namespace }: KafkaSettings, name: string): string {
  return `${namespace}.${name}`
}

/** Creates the topic if it does not exist. Throws OperatorError EVENT_BUS_TOPIC_WRONG if it has another shape. */
export async function openTopic(
  connection: KafkaConnection,
  settings: KafkaSettings,
  name: string,
): Promise<Topic> {
  const kafkaName = kafkaNameOf(settings, name)
  const layout =
    (await findLayout(connection, kafkaName)) ?? (await createTopic(connection, settings, kafkaName))
  checkPartitions(settings, kafkaName, layout)
  await checkConfigs(connection, kafkaName)
  return { name, kafkaName, layout }
}

/** Returns the names of the topics that exist. Throws OperatorError EVENT_BUS_TOPIC_WRONG if one has other partitions. */
export async function checkTopics(connection: KafkaConnection, settings: KafkaSettings): Promise<string[]> {
  const prefix = kafkaNameOf(settings, '')
  const names = (await withRetry(connection, () => connection.admin.listTopics())).filter(name =>
    name.startsWith(prefix),
  )
  for (const kafkaName of names) {
    const layout = await findLayout(connection, kafkaName)
    if (layout) checkPartitions(settings, kafkaName, layout)
  }
  return names.map(name => name.slice(prefix.length))
}

/** Returns undefined for a topic that does not exist. */
function findLayout(connection: KafkaConnection, kafkaName: string): Promise<PartitionLayout | undefined> {
  return readLayoutUntil(connection, kafkaName, layout => !layout || isLed(layout))
}

function isLed({ leaders }: PartitionLayout): boolean {
  return leaders.length > 0 && leaders.every(node => node >= 0)
}

/** Reads the layout until it is as wanted. Returns it as it is when that takes too long. */
async function readLayoutUntil(
  connection: KafkaConnection,
  kafkaName: string,
  isWanted: (layout: PartitionLayout | undefined) => boolean,
): Promise<PartitionLayout | undefined> {
  const deadline = performance.now() + LEADERS_WITHIN_MS
  for (;;) {
    const layout = await withRetry(connection, () =>
      connection.layout(kafkaName).catch((error: unknown) => {
        if (error instanceof Error && /^Unknown topic /.test(error.message)) return undefined
        throw error
      }),
    )
    if (isWanted(layout) || performance.now() > deadline) return layout
    connection.forgetLayout()
    await delay(50)
  }
}

async function createTopic(
  connection: KafkaConnection,
  settings: KafkaSettings,
  kafkaName: string,
): Promise<PartitionLayout> {
  const { partitions, replication } = settings
  const configs = Object.entries(CONFIGS).map(([name, value]) => ({ name, value }))
  await withRetry(connection, () =>
    connection.admin
      .createTopics({ topics: [kafkaName], partitions, replicas: replication, configs })
      .catch((error: unknown) => {
        if (!hasApiError(error, 'TOPIC_ALREADY_EXISTS')) throw error
      }),
  )
  const layout = await readLayoutUntil(connection, kafkaName, made => made !== undefined && isLed(made))
  if (layout && isLed(layout)) return layout
  throw new OperatorError('EVENT_BUS_TOPIC_WRONG', `Kafka's topic ${kafkaName} was made, but nobody leads it`)
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

async function checkConfigs(connection: KafkaConnection, kafkaName: string): Promise<void> {
  const configurationKeys = Object.keys(CONFIGS)
  const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: kafkaName, configurationKeys }
  const [described] = await withRetry(connection, () =>
    connection.admin.describeConfigs({ resources: [resource] }),
  )
  for (const [name, value] of Object.entries(CONFIGS)) {
    const found = described?.configs.find(config => config.name === name)?.value
    if (found === value) continue
    throw new OperatorError(
      'EVENT_BUS_TOPIC_WRONG',
      `Kafka's topic ${kafkaName} must have ${name}=${value}, not ${found}: the bus itself deletes its old messages`,
    )
  }
}
