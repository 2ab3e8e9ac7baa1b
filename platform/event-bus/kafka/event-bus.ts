// Opens the event bus on Kafka: one topic per service, partitioned by stream, whose readers restore the order of positions.
import { OperatorError } from '#platform/domain/errors.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import {
  isRefusedLogin,
  type KafkaConnection,
  openConnection,
  toPublishError,
} from '#platform/event-bus/kafka/connection.ts'
import { createGroupCheckpoint, type Group, groupIdOf, openGroup } from '#platform/event-bus/kafka/group.ts'
import { runMembership } from '#platform/event-bus/kafka/membership.ts'
import { openTopicProducer } from '#platform/event-bus/kafka/producer.ts'
import { deleteOldMessages } from '#platform/event-bus/kafka/retention.ts'
import { checkTopics, openTopic } from '#platform/event-bus/kafka/topic.ts'
import { followTopic } from '#platform/event-bus/kafka/topic-follower.ts'
import { openTopicLog, type TopicLog } from '#platform/event-bus/kafka/topic-log.ts'
import { createTopicBus, type RetentionOptions, type TopicEngine } from '#platform/event-bus/topic-bus.ts'
import { type KafkaSettings, parseKafkaUrl } from '#platform/event-bus/url.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'

type KafkaEventBusOptions = RetentionOptions & {
  readonly url: string
  readonly logger?: StoreLogger
  /** How long to wait for a broker that does not answer; a minute by default. */
  readonly startTimeoutMs?: number
}

const START_TIMEOUT_MS = 60_000
const GROUP_TIMEOUT_MS = 30_000

type KafkaBus = {
  readonly settings: KafkaSettings
  /** For requests that are answered at once. */
  readonly connection: KafkaConnection
  readonly logger: StoreLogger | undefined
  log(topic: string): Promise<TopicLog>
}

/**
 * Opens the event bus in the Kafka cluster at `url`. Throws OperatorError EVENT_BUS_URL_INVALID, EVENT_BUS_UNREACHABLE
 * when no broker answers in time or the login is refused, EVENT_BUS_TOPIC_WRONG.
 */
export async function openKafkaEventBus(options: KafkaEventBusOptions): Promise<EventBus> {
  const { logger } = options
  const settings = parseKafkaUrl(options.url)
  await using opening = new AsyncDisposableStack()
  const connection = opening.use(openConnection(settings, 'event-bus'))
  await waitForBroker(connection, settings, options)
  await checkTopics(connection, settings)
  const log = shareLogs(connection, settings)
  const bus: KafkaBus = { settings, connection, logger, log }
  const producer = opening.use(openTopicProducer(settings, connection))
  const engine: TopicEngine = {
    async publish(topic, events) {
      const opened = await log(topic).catch((error: unknown) => {
        throw toPublishError(error)
      })
      await producer.publish(opened.topic, events)
      return true
    },
    read: async (topic, after, limit) => (await log(topic)).read(after, limit),
    end: async topic => (await log(topic)).end(),
    async follow(name, feed) {
      const { topic } = await log(name)
      return followTopic({ connection: openConnection(settings, `tail-${name}`), topic, logger }, feed)
    },
    async join({ group: name, topic, feed, deliver }) {
      const group = await joinGroup(bus, name, topic)
      return signal => runMembership({ group, feed, deliver, logger, signal })
    },
    deleteOld: retentionMs => deleteOldInAll(bus, retentionMs),
  }
  return createTopicBus(engine, opening.move(), options)
}

/** Opens each topic once, and creates it if it does not exist. */
function shareLogs(connection: KafkaConnection, settings: KafkaSettings): KafkaBus['log'] {
  const logs = new Map<string, Promise<TopicLog>>()
  return name => {
    const log =
      logs.get(name) ??
      openTopic(connection, settings, name).then(topic => openTopicLog({ connection, topic }))
    logs.set(name, log)
    log.catch(() => logs.delete(name)) // the next caller tries again
    return log
  }
}

/** Waits for the cluster to keep groups, which takes a while after it has started. */
async function joinGroup({ settings, log, logger }: KafkaBus, name: string, topic: string): Promise<Group> {
  const connection = openConnection(settings, `group-${name}`)
  try {
    const id = groupIdOf(settings.namespace, name, topic)
    const group = openGroup({ connection, topic: (await log(topic)).topic }, id)
    await waitForDependency(() => createGroupCheckpoint(group), {
      logger: logger ?? SILENT,
      what: `Kafka's group ${group.id} (EVENT_BUS_URL)`,
      startTimeoutMs: GROUP_TIMEOUT_MS,
      isFinal: error => !isOutage(error),
    })
    return group
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
}

async function deleteOldInAll({ connection, settings, log }: KafkaBus, retentionMs: number): Promise<void> {
  for (const name of await checkTopics(connection, settings))
    await deleteOldMessages({ connection, topic: (await log(name)).topic }, retentionMs)
}

/** Waits for a broker that does not answer yet, and logs that; a refused login is final. */
async function waitForBroker(
  connection: KafkaConnection,
  { brokers }: KafkaSettings,
  options: Pick<KafkaEventBusOptions, 'logger' | 'startTimeoutMs'>,
): Promise<void> {
  const { logger = SILENT, startTimeoutMs = START_TIMEOUT_MS } = options
  const what = `Kafka at ${brokers.join(', ')} (EVENT_BUS_URL)`
  const attempt = () => connection.admin.metadata({ forceUpdate: true })
  try {
    await waitForDependency(attempt, { logger, what, startTimeoutMs, isFinal: isRefusedLogin })
  } catch (cause) {
    if (isRefusedLogin(cause)) throw unreachable(`${what} refuses the user and password`, cause)
    throw unreachable(`${what} did not answer within ${startTimeoutMs / 1000} s`, cause)
  }
}

const SILENT = { warn() {}, error() {} }

function unreachable(reason: string, cause: unknown): OperatorError {
  return new OperatorError('EVENT_BUS_UNREACHABLE', `the event bus could not be opened: ${reason}`, cause)
}
