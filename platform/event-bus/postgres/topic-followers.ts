// Follows topics' ends in PostgreSQL: takes over what this process publishes and what others tell, and reads the rest.
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { readMessages } from '#platform/event-bus/postgres/messages.ts'
import { type Publication, type PublishedMessages, readTold } from '#platform/event-bus/postgres/publish.ts'
import type { FeedInput } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { Notifications } from '#platform/postgres/notifications.ts'
import type { Pool, StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, jittered } from '#platform/resilience/backoff.ts'

type FollowersOptions = {
  readonly pool: Pool
  readonly notifications: Pick<Notifications, 'notify' | 'listen' | 'check'>
  readonly logger: StoreLogger | undefined
}

type TopicFollower = AsyncDisposable & {
  /** Takes over committed messages, unless there are others before them that have to be read. */
  takeOver(published: PublishedMessages): void
  /** Says where the topic ended at some time: what is missing up to there is read. */
  hearEnd(end: number): void
}

type TopicFollowers = {
  /** Follows a topic for its one feed, until disposed. */
  follow(topic: string, feed: FeedInput): AsyncDisposable
  /** Returns the topics that are followed. */
  topics(): readonly string[]
  /** Hands messages that this process has committed over to the feed, and tells other processes of them if need be. */
  takeOver(publication: Publication): void
  hearEnd(topic: string, end: number): void
}

const PAGE = 1_000
const RETRY_MS = 1_000

export function createTopicFollowers(options: FollowersOptions): TopicFollowers {
  const followers = new Map<string, TopicFollower>()
  return {
    follow(topic, feed) {
      const follower = followTopic(options, topic, feed)
      followers.set(topic, follower)
      return {
        async [Symbol.asyncDispose]() {
          followers.delete(topic)
          await follower[Symbol.asyncDispose]()
        },
      }
    },
    topics: () => [...followers.keys()],
    takeOver(publication) {
      followers.get(publication.topic)?.takeOver(publication)
      if (!publication.isAnnounced) options.notifications.notify(notificationOf(publication.topic))
    },
    hearEnd: (topic, end) => followers.get(topic)?.hearEnd(end),
  }
}

/** Returns the topic of notifications about new messages. */
export function notificationOf(topic: string): string {
  return `messages ${topic}`
}

/** Adds messages that follow one another from a position that the feed has already. Returns its new position. */
function addPast(position: number, messages: readonly BusMessage[], feed: FeedInput): number {
  const page = messages.filter(message => message.position > position)
  if (page.length > 0) feed.add(page)
  return page.at(-1)?.position ?? position
}

/** Begins with a read, for what came between the feed's end and now. Disposing waits for the read under way. */
function followTopic(options: FollowersOptions, topic: string, feed: FeedInput): TopicFollower {
  const { pool, notifications, logger } = options
  const wakeSignal = createWakeSignal()
  const stopListening = notifications.listen(notificationOf(topic), (source, told) => {
    if (told !== undefined) takeOver(readTold(told))
    else if (source === 'elsewhere') wakeSignal.notify()
  })
  let position = feed.end
  let isClosed = false

  function takeOver({ messages, previousEnd }: PublishedMessages): void {
    if (previousEnd <= position) position = addPast(position, messages, feed)
    else wakeSignal.notify()
  }

  /** Resolves to the time after which to read again; to undefined when that is when woken. */
  async function readPage(): Promise<number | undefined> {
    try {
      const page = await readMessages(pool, topic, { after: position, limit: PAGE })
      position = addPast(position, page, feed)
      return page.length < PAGE ? undefined : 0
    } catch (err) {
      const oldest = oldestPositionIn(err)
      if (oldest === undefined) {
        logger?.warn({ err, topic }, 'bus messages could not be read, retrying')
        return jittered(RETRY_MS)
      }
      if (oldest > position) feed.skipTo(oldest)
      position = Math.max(position, oldest)
      return 0
    }
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      const pause = await readPage()
      if (pause !== 0) await wakeSignal.wait(pause)
    }
  }

  const running = run()
  return {
    takeOver,
    hearEnd(end) {
      if (end <= position) return
      wakeSignal.notify()
      notifications.check()
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      stopListening()
      wakeSignal.notify()
      await running
    },
  }
}
