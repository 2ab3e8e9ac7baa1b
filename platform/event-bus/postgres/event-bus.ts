// The event bus port on PostgreSQL: a table of messages, NOTIFY as the wake-up, leases for groups. Free of events' meaning.

import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { joinGroup } from '#platform/event-bus/postgres/lease.ts'
import { runMembership } from '#platform/event-bus/postgres/membership.ts'
import {
  deleteOldMessages,
  publishEvents,
  readMessages,
  readTopicEnd,
} from '#platform/event-bus/postgres/messages.ts'
import { prepareSchema } from '#platform/event-bus/postgres/schema.ts'
import { type RetentionOptions, startRetention } from '#platform/event-bus/retention.ts'
import { createSubscriptions, shareFeeds } from '#platform/event-bus/subscriptions.ts'
import { openTopicFeed, type TopicFeed } from '#platform/event-bus/topic-feed.ts'
import { checkName } from '#platform/event-bus/validation.ts'
import { type Notifications, openNotifications } from '#platform/postgres/notifications.ts'
import { openPool, type Pool, type StoreLogger, toUnreachable } from '#platform/postgres/pool.ts'

export type PostgresEventBusOptions = RetentionOptions & {
  readonly url: string
  readonly logger?: StoreLogger
}

type Ports = {
  /** Commits are on disk when they return: a publisher's checkpoint relies on them. */
  readonly pool: Pool
  readonly soft: Pool
  readonly wakeups: Notifications
  readonly logger: StoreLogger | undefined
}

/** Opens the event bus in the database at `url`, in a schema of its own. */
export async function openPostgresEventBus(options: PostgresEventBusOptions): Promise<EventBus> {
  const { url, logger } = options
  await prepareSchema(url).catch((cause: unknown) => {
    throw toUnreachable('EVENT_BUS_UNREACHABLE', { purpose: 'event bus', url }, cause)
  })
  const open = new AsyncDisposableStack()
  const pool = open.use(openPool({ url, purpose: 'event bus', max: 4, logger }))
  const soft = open.use(openPool({ url, purpose: 'event bus', max: 2, logger, soft: true }))
  const run = (text: string, values: readonly unknown[]) => soft.query({ text, values })
  const wakeups = open.use(openNotifications({ url, channel: 'waybill_event_bus', run, logger }))
  const ports: Ports = { pool, soft, wakeups, logger }
  const feeds = open.use(shareFeeds(topic => openFeed(ports, topic)))
  open.use(startRetention(retentionMs => deleteOldMessages(pool, retentionMs), options))
  const readers = open.use(createSubscriptions())

  return {
    async publish(topic, events) {
      checkName('topic', topic)
      if (events.length === 0) return
      await publishEvents(pool, topic, events)
      wakeups.notify(messagesOf(topic))
    },
    async subscribe(group, topics, deliver) {
      checkName('group', group)
      const opened = await feeds.open(topics)
      await Promise.all(opened.map(({ topic }) => joinGroup(pool, group, topic)))
      return readers.start(signal =>
        opened.map(({ topic, feed }) => runMembership({ ...ports, group, topic, feed, deliver, signal })),
      )
    },
    async tail(topics, deliver, after = {}) {
      const starts = new Map(await Promise.all(topics.map(topic => startOf(pool, topic, after[topic]))))
      const opened = await feeds.open(topics)
      return readers.start(signal =>
        opened.map(({ topic, feed }) =>
          runDeliveryLoop({ topic, feed, after: starts.get(topic) ?? 0, deliver, signal, logger }),
        ),
      )
    },
    read: async (topic, after, limit) => readMessages(pool, checkName('topic', topic), after, limit),
    end: async topic => readTopicEnd(pool, checkName('topic', topic)),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

function messagesOf(topic: string): string {
  return `messages ${topic}`
}

/** Where a tail begins: after `after`, if that is still kept, or at the topic's end. */
async function startOf(pool: Pool, topic: string, after: number | undefined): Promise<[string, number]> {
  checkName('topic', topic)
  if (after === undefined) return [topic, await readTopicEnd(pool, topic)]
  await readMessages(pool, topic, after, 1)
  return [topic, after]
}

async function openFeed({ pool, wakeups, logger }: Ports, topic: string): Promise<TopicFeed> {
  const end = await readTopicEnd(pool, topic)
  const source = {
    read: (after: number, limit: number) => readMessages(pool, topic, after, limit),
    listen: (listener: () => void) => wakeups.listen(messagesOf(topic), listener),
    onError: (err: unknown) => logger?.warn({ err, topic }, 'reading messages of the bus failed'),
  }
  return openTopicFeed(source, end)
}
