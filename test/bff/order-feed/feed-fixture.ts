// Opens an order feed on a bus in memory, whose messages are delivered and whose reads are answered by the test.
import type { Change, Scope } from '#bff/order-feed/change.ts'
import { type FeedLimits, openOrderFeed } from '#bff/order-feed/order-feed.ts'
import { recordingLogger } from '../../platform/telemetry/recording-logger.ts'
import {
  type Buyer,
  buyer,
  createInMemoryBus,
  followInMemory,
  publishAbout,
  type TestOrder,
} from './in-memory-bus.ts'

export const ALL: Scope = { all: true }
export const ZOE = buyer('cus_zoe')
export const MAX = buyer('cus_max')

type Answer = TestOrder | undefined | Error
type Read = {
  readonly id: string
  readonly positions: Readonly<Record<string, number>>
  readonly detail: string
  readonly answer: (order: Answer) => void
}

/** A feed whose reads are answered by hand, or at once by `answering`. */
export function openFeed({
  answering,
  limits,
}: {
  answering?: (id: string) => Answer
  limits?: Partial<FeedLimits>
} = {}) {
  const bus = createInMemoryBus()
  const follower = followInMemory(bus)
  const reads: Read[] = []
  const recording = recordingLogger()
  const feed = openOrderFeed<TestOrder>({
    follower,
    bus,
    read: (id, positions, detail) =>
      new Promise((resolve, reject) => {
        const answer = (order: Answer) => (order instanceof Error ? reject(order) : resolve(order))
        reads.push({ id, positions, detail, answer })
        if (answering) answer(answering(id))
      }),
    ownerOf: order => order.customer,
    idOf: order => order.id,
    logger: recording.logger,
    ...(limits && { limits }),
  })
  const watch = (scope: Scope, after?: string, present: () => Promise<TestOrder[]> = async () => []) =>
    feed.watch({ scope, after, present })
  /** Publishes an event of the order, and has everything heard. */
  const happen = (topic: Parameters<typeof bus.publish>[0], one: Buyer) => {
    publishAbout(bus, topic, one)
    follower.hearAll()
  }
  return {
    bus,
    follower,
    feed,
    reads,
    watch,
    happen,
    recording,
    [Symbol.asyncDispose]: () => feed[Symbol.asyncDispose](),
  }
}

export const orderOf = ({ id, customer }: Buyer, events = 1): TestOrder => ({ id, customer, events })
export const answering = (id: string) => orderOf(id === ZOE.id ? ZOE : MAX)

export async function next<Order>(stream: AsyncIterator<Change<Order>>): Promise<Change<Order>> {
  const result = await stream.next()
  if (result.done) throw new Error('the stream has ended')
  return result.value
}

export async function started(stream: AsyncIterableIterator<Change<TestOrder>>) {
  await next(stream)
  return stream
}

export const idsOf = (change: Change<TestOrder>) => change.events.map(event => event.id)
