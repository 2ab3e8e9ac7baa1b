// The event bus port on Kafka: a topic per service in partitions by stream, put in order again by its readers. Free of events' meaning.
import { OperatorError } from '#platform/domain/errors.ts'
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import {
  isRefusedLogin,
  type KafkaConnection,
  openConnection,
  toPublishError,
} from '#platform/event-bus/kafka/connection.ts'
import { createGroupCheckpoint, type Group, openGroup } from '#platform/event-bus/kafka/group.ts'
import { openLongPoll } from '#platform/event-bus/kafka/long-poll.ts'
import { runMembership } from '#platform/event-bus/kafka/membership.ts'
import { openTopicProducer } from '#platform/event-bus/kafka/producer.ts'
import { deleteOldMessages, groupIdOf } from '#platform/event-bus/kafka/retention.ts'
import { checkTopics, openTopic } from '#platform/event-bus/kafka/topic.ts'
import { openTopicLog, type TopicLog } from '#platform/event-bus/kafka/topic-log.ts'
import { type KafkaSettings, parseKafkaUrl } from '#platform/event-bus/kafka-url.ts'
import { type RetentionOptions, startRetention } from '#platform/event-bus/retention.ts'
import { createSubscriptions, shareFeeds } from '#platform/event-bus/subscriptions.ts'
import { openTopicFeed, type TopicFeed } from '#platform/event-bus/topic-feed.ts'
import { checkName } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { isOutage } from '#platform/resilience/outage.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'

export type KafkaEventBusOptions = RetentionOptions & {
  readonly url: string
  readonly logger?: StoreLogger
  /** How long a broker is waited for that does not answer; a minute when left out. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 60_000
const GROUP_PATIENCE_MS = 30_000

type Ports = {
  readonly settings: KafkaSettings
  /** For requests that are answered at once. */
  readonly lane: KafkaConnection
  readonly logger: StoreLogger | undefined
  log(topic: string): Promise<TopicLog>
}

/**
 * Opens the event bus in the Kafka cluster at `url`. Throws OperatorError EVENT_BUS_URL_INVALID, EVENT_BUS_UNREACHABLE
 * when no broker answers in time or the login is refused, EVENT_BUS_TOPIC_WRONG.
 */
export async function openKafkaEventBus(options: KafkaEventBusOptions): Promise<EventBus> {
  const { logger, patienceMs = PATIENCE_MS } = options
  const settings = parseKafkaUrl(options.url)
  await using opening = new AsyncDisposableStack()
  const lane = opening.use(openConnection(settings, 'event-bus'))
  await untilReached(lane, settings, patienceMs, logger)
  await checkTopics(lane, settings)
  const log = shareLogs(lane, settings)
  const ports: Ports = { settings, lane, logger, log }
  const publisher = opening.use(openTopicProducer(settings, lane))
  const feeds = opening.use(shareFeeds(topic => openFeed(ports, topic)))
  opening.use(startRetention(retentionMs => trimAll(ports, retentionMs), options))
  const readers = opening.use(createSubscriptions())
  const open = opening.move()

  return {
    async publish(topic, events) {
      checkName('topic', topic)
      if (events.length === 0) return
      const opened = await log(topic).catch((error: unknown) => {
        throw toPublishError(error)
      })
      await publisher.publish(opened.topic, events)
    },
    async subscribe(group, topics, deliver) {
      checkName('group', group)
      const opened = await feeds.open(topics)
      const memberships = await Promise.all(
        opened.map(async ({ topic, feed }) => ({
          group: await join(ports, group, topic),
          feed,
          deliver,
          logger,
        })),
      )
      return readers.start(signal => memberships.map(membership => runMembership({ ...membership, signal })))
    },
    async tail(topics, deliver, after = {}) {
      const starts = new Map(await Promise.all(topics.map(topic => startOf(ports, topic, after[topic]))))
      const opened = await feeds.open(topics)
      return readers.start(signal =>
        opened.map(({ topic, feed }) =>
          runDeliveryLoop({ topic, feed, after: starts.get(topic) ?? 0, deliver, signal, logger }),
        ),
      )
    },
    read: async (topic, after, limit) => (await log(checkName('topic', topic))).read(after, limit),
    end: async topic => (await log(checkName('topic', topic))).end(),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Each topic is looked at once, and made if it is not there. */
function shareLogs(lane: KafkaConnection, settings: KafkaSettings): Ports['log'] {
  const logs = new Map<string, Promise<TopicLog>>()
  return topic => {
    const log = logs.get(topic) ?? openTopic(lane, settings, topic).then(opened => openTopicLog(lane, opened))
    logs.set(topic, log)
    log.catch(() => logs.delete(topic)) // whoever comes next tries again
    return log
  }
}

/** Where a tail begins: after `after`, if that is still kept, or at the topic's end. */
async function startOf({ log }: Ports, topic: string, after: number | undefined): Promise<[string, number]> {
  const opened = await log(checkName('topic', topic))
  if (after === undefined) return [topic, await opened.end()]
  await opened.read(after, 1)
  return [topic, after]
}

async function openFeed({ settings, logger, log }: Ports, topic: string): Promise<TopicFeed> {
  const opened = await log(topic)
  const end = await opened.end()
  const head = await openLongPoll({
    lane: openConnection(settings, `tail-${topic}`),
    log: opened,
    end,
    logger,
  })
  const onError = (err: unknown) => logger?.warn({ err, topic }, 'reading messages of the bus failed')
  const feed = openTopicFeed({ read: head.read, listen: head.listen, onError }, end)
  return {
    ...feed,
    async close() {
      await feed.close()
      await head[Symbol.asyncDispose]()
    },
  }
}

/** A cluster that has just started takes a while until it keeps groups: that is waited for. */
async function join({ settings, log, logger }: Ports, name: string, topic: string): Promise<Group> {
  const lane = openConnection(settings, `group-${name}`)
  try {
    const group = openGroup(lane, (await log(topic)).topic, groupIdOf(settings.namespace, name, topic))
    await waitForDependency(() => createGroupCheckpoint(group), {
      logger: logger ?? SILENT,
      what: `Kafka's group ${group.id} (EVENT_BUS_URL)`,
      startTimeoutMs: GROUP_PATIENCE_MS,
      isFinal: error => !isOutage(error),
    })
    return group
  } catch (error) {
    await lane[Symbol.asyncDispose]()
    throw error
  }
}

async function trimAll({ lane, settings, log }: Ports, retentionMs: number): Promise<void> {
  for (const name of await checkTopics(lane, settings))
    await deleteOldMessages(lane, (await log(name)).topic, retentionMs)
}

/** Waits for a broker that is not there yet, and says so; a login that is refused is not waited for. */
async function untilReached(
  lane: KafkaConnection,
  { brokers }: KafkaSettings,
  patienceMs: number,
  logger: StoreLogger | undefined,
): Promise<void> {
  const what = `Kafka at ${brokers.join(', ')} (EVENT_BUS_URL)`
  const attempt = () => lane.admin.metadata({ forceUpdate: true })
  try {
    await waitForDependency(attempt, {
      logger: logger ?? SILENT,
      what,
      startTimeoutMs: patienceMs,
      isFinal: isRefusedLogin,
    })
  } catch (cause) {
    if (isRefusedLogin(cause)) throw unreachable(`${what} refuses the user and password`, cause)
    throw unreachable(`${what} did not answer within ${patienceMs / 1000} s`, cause)
  }
}

const SILENT = { warn() {}, error() {} }

function unreachable(reason: string, cause: unknown): OperatorError {
  return new OperatorError('EVENT_BUS_UNREACHABLE', `the event bus could not be opened: ${reason}`, cause)
}
