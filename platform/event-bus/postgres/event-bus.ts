// Opens the event bus on PostgreSQL: a table of batches of messages, LISTEN and NOTIFY, and leases for groups.
import DataLoader from 'dataloader'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { joinGroup, runMembership } from '#platform/event-bus/postgres/group.ts'
import { openMembershipKeeper } from '#platform/event-bus/postgres/membership-keeper.ts'
import { readMessages, readTopicEnds } from '#platform/event-bus/postgres/messages.ts'
import { CHANNEL, createPublisher } from '#platform/event-bus/postgres/publish.ts'
import { prepareSchema } from '#platform/event-bus/postgres/schema.ts'
import { createTopicFollowers, notificationOf } from '#platform/event-bus/postgres/topic-followers.ts'
import { deleteOldMessages } from '#platform/event-bus/postgres/trim.ts'
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
  const pool = open.use(openPool({ url, purpose: 'event bus', max: 4, logger, byIndex: true }))
  const soft = open.use(openPool({ url, purpose: 'event bus', max: 2, logger, soft: true, byIndex: true }))
  const run = (text: string, values: readonly unknown[]) => soft.query({ text, values })
  const notifications = open.use(openNotifications({ url, channel: CHANNEL, run, logger }))
  const followers = createTopicFollowers({ pool, notifications, logger })
  const keeper = open.use(
    openMembershipKeeper({
      soft,
      notifications,
      logger,
      topics: followers.topics,
      onEnd: followers.hearEnd,
    }),
  )
  // Whoever keeps up with several topics asks for all of their ends at once.
  const ends = new DataLoader<string, number>(
    async topics => {
      const read = await readTopicEnds(pool, topics)
      return topics.map(topic => {
        const end = read.get(topic) ?? 0
        followers.hearEnd(topic, end)
        return end
      })
    },
    { cache: false },
  )
  const engine: TopicEngine = {
    publish: createPublisher({
      durable: pool,
      soft,
      payloadOf: topic => notifications.payloadOf(notificationOf(topic)),
      onPublished: followers.takeOver,
    }),
    read: (topic, after, limit) => readMessages(pool, topic, { after, limit }),
    end: topic => ends.load(topic),
    follow: async (topic, feed) => followers.follow(topic, feed),
    async join(subscription) {
      await joinGroup(pool, subscription.group, subscription.topic)
      return signal => runMembership({ ...subscription, keeper, logger, signal })
    },
    deleteOld: (retentionMs, signal) => deleteOldMessages(pool, retentionMs, signal),
  }
  return createTopicBus(engine, open, options)
}
