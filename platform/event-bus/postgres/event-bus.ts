// Opens the event bus on PostgreSQL: a table of messages, LISTEN and NOTIFY, and leases for groups.
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { joinGroup, runMembership } from '#platform/event-bus/postgres/group.ts'
import {
  deleteOldMessages,
  publishEvents,
  readMessages,
  readTopicEnd,
} from '#platform/event-bus/postgres/messages.ts'
import { prepareSchema } from '#platform/event-bus/postgres/schema.ts'
import { followTopic, notifyFollowers } from '#platform/event-bus/postgres/topic-follower.ts'
import { createTopicBus, type RetentionOptions, type TopicEngine } from '#platform/event-bus/topic-bus.ts'
import { openNotifications } from '#platform/postgres/notifications.ts'
import { openPool, type StoreLogger, toUnreachable } from '#platform/postgres/pool.ts'

type PostgresEventBusOptions = RetentionOptions & {
  readonly url: string
  readonly logger?: StoreLogger
}

/** Opens the event bus in the database at `url`, in a schema of its own. Throws OperatorError EVENT_BUS_UNREACHABLE. */
export async function openPostgresEventBus(options: PostgresEventBusOptions): Promise<EventBus> {
  const { url, logger } = options
  await prepareSchema(url).catch((cause: unknown) => {
    throw toUnreachable('EVENT_BUS_UNREACHABLE', { purpose: 'event bus', url }, cause)
  })
  const open = new AsyncDisposableStack()
  // Commits are on disk when they return: a publisher's checkpoint relies on them.
  const pool = open.use(openPool({ url, purpose: 'event bus', max: 4, logger }))
  const soft = open.use(openPool({ url, purpose: 'event bus', max: 2, logger, soft: true }))
  const run = (text: string, values: readonly unknown[]) => soft.query({ text, values })
  const notifications = open.use(openNotifications({ url, channel: 'waybill_event_bus', run, logger }))
  const engine: TopicEngine = {
    async publish(topic, events) {
      await publishEvents(pool, topic, events)
      notifyFollowers(notifications, topic)
    },
    read: (topic, after, limit) => readMessages(pool, topic, { after, limit }),
    end: topic => readTopicEnd(pool, topic),
    follow: async (topic, feed) => followTopic({ topic, pool, notifications, logger }, feed),
    async join(subscription) {
      await joinGroup(pool, subscription.group, subscription.topic)
      return signal => runMembership({ ...subscription, soft, notifications, logger, signal })
    },
    deleteOld: retentionMs => deleteOldMessages(pool, retentionMs),
  }
  return createTopicBus(engine, open, options)
}
