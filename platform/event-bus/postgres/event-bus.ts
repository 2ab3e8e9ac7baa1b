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
import { type RetentionOptions, startRetention } from '#platform/event-bus/retention.ts'
import { createSubscriptions, startTail } from '#platform/event-bus/subscriptions.ts'
import { openTopicFeed, shareFeeds, type TopicFeed } from '#platform/event-bus/topic-feed.ts'
import { checkName } from '#platform/event-bus/validation.ts'
import { type Notifications, openNotifications } from '#platform/postgres/notifications.ts'
import { openPool, type Pool, type StoreLogger, toUnreachable } from '#platform/postgres/pool.ts'

export type PostgresEventBusOptions = RetentionOptions & {
  readonly url: string
  readonly logger?: StoreLogger
}

type PostgresBus = {
  /** Commits are on disk when they return: a publisher's checkpoint relies on them. */
  readonly pool: Pool
  readonly soft: Pool
  readonly notifications: Notifications
  readonly logger: StoreLogger | undefined
}

/** Opens the event bus in the database at `url`, in a schema of its own. Throws OperatorError EVENT_BUS_UNREACHABLE. */
export async function openPostgresEventBus(options: PostgresEventBusOptions): Promise<EventBus> {
  const { url, logger } = options
  await prepareSchema(url).catch((cause: unknown) => {
    throw toUnreachable('EVENT_BUS_UNREACHABLE', { purpose: 'event bus', url }, cause)
  })
  const open = new AsyncDisposableStack()
  const pool = open.use(openPool({ url, purpose: 'event bus', max: 4, logger }))
  const soft = open.use(openPool({ url, purpose: 'event bus', max: 2, logger, soft: true }))
  const run = (text: string, values: readonly unknown[]) => soft.query({ text, values })
  const notifications = open.use(openNotifications({ url, channel: 'waybill_event_bus', run, logger }))
  const bus: PostgresBus = { pool, soft, notifications, logger }
  const feeds = open.use(shareFeeds(topic => openFeed(bus, topic)))
  open.use(startRetention(retentionMs => deleteOldMessages(pool, retentionMs), options))
  const subscriptions = open.use(createSubscriptions())
  const read: EventBus['read'] = async (topic, after, limit) =>
    readMessages(pool, checkName('topic', topic), { after, limit })
  const end: EventBus['end'] = async topic => readTopicEnd(pool, checkName('topic', topic))

  return {
    async publish(topic, events) {
      checkName('topic', topic)
      if (events.length === 0) return
      await publishEvents(pool, topic, events)
      notifications.notify(messagesOf(topic))
    },
    async subscribe(group, topics, deliver) {
      checkName('group', group)
      const opened = await feeds.open(topics)
      await Promise.all(opened.map(({ topic }) => joinGroup(pool, group, topic)))
      return subscriptions.start(signal =>
        opened.map(({ topic, feed }) => runMembership({ ...bus, group, topic, feed, deliver, signal })),
      )
    },
    tail: (topics, deliver, after = {}) =>
      startTail({ read, end, feeds, subscriptions, logger }, { topics, deliver, after }),
    read,
    end,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Returns what the notifications of a topic's messages are about. */
function messagesOf(topic: string): string {
  return `messages ${topic}`
}

async function openFeed({ pool, notifications, logger }: PostgresBus, topic: string): Promise<TopicFeed> {
  const end = await readTopicEnd(pool, topic)
  const source = {
    read: (after: number, limit: number) => readMessages(pool, topic, { after, limit }),
    listen: (listener: () => void) => notifications.listen(messagesOf(topic), listener),
    onError: (err: unknown) => logger?.warn({ err, topic }, 'bus messages could not be read, retrying'),
  }
  return openTopicFeed(source, end)
}
