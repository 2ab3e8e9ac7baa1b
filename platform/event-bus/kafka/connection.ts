// A client of the cluster with connections of its own, on which requests wait for one another. Free of topics' contents.
import { setTimeout as delay } from 'node:timers/promises'
import {
  Admin,
  AuthenticationError,
  type Connection,
  findErrorBy,
  GenericError,
  MultipleErrors,
} from '@platformatic/kafka'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import type { KafkaSettings } from '#platform/event-bus/kafka-url.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

export type PartitionLayout = {
  readonly id: string
  /** The broker that leads each partition, by its number. */
  readonly leaders: readonly number[]
}

export type KafkaConnection = AsyncDisposable & {
  readonly admin: Admin
  layout(topic: string): Promise<PartitionLayout>
  broker(node: number): Promise<Connection>
  /** After an error that may come of a leader's having moved: the next request asks anew who leads. */
  forgetLayout(): void
}

/** How long a broker may take over one request; one that is paused is given up after it. */
const REQUEST_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000
const LAYOUT_AGE_MS = 60_000
const TRIES = 4

/** What every client of the cluster is made with. */
export function clientOptions(settings: KafkaSettings, purpose: string) {
  const { brokers, tls, login } = settings
  return {
    clientId: `waybill-${purpose}`,
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    timeout: REQUEST_TIMEOUT_MS,
    metadataMaxAge: LAYOUT_AGE_MS,
    ...(tls && { tls: {}, tlsServerName: true }),
    ...(login && { sasl: login }),
  }
}

/** Connects when it is first used. */
export function openConnection(settings: KafkaSettings, purpose: string): KafkaConnection {
  const admin = new Admin({ ...clientOptions(settings, purpose), retries: 0 })
  ignoreConnectionErrors(admin)
  return {
    admin,
    async layout(topic) {
      const { topics } = await admin.metadata({ topics: [topic] })
      const found = topics.get(topic)
      if (!found) throw new Error(`Kafka says nothing of topic ${topic}`)
      return { id: found.id, leaders: found.partitions.map(partition => partition.leader) }
    },
    async broker(node) {
      const { brokers } = await admin.metadata({})
      const broker = brokers.get(node)
      if (broker) return admin.connections.get(broker)
      admin.clearMetadata()
      throw new CallerError(
        'UNAVAILABLE',
        `Kafka's broker ${node} cannot be reached at the moment. Try again.`,
      )
    },
    forgetLayout: () => admin.clearMetadata(),
    async [Symbol.asyncDispose]() {
      await admin.close()
    },
  }
}

/** A connection says of its errors once more after its request has failed of them; nobody else listens then. */
export function ignoreConnectionErrors({ connections }: Pick<Admin, 'connections'>): void {
  connections.on('connecting', ({ connection }) => connection.on('error', () => {}))
}

/**
 * Tries `work` again, shortly, when a connection was lost or a leader has moved. Throws CallerError UNAVAILABLE when
 * Kafka cannot do it at the moment.
 */
export async function withRetry<T>(lane: KafkaConnection, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      lane.forgetLayout()
      if (attempt >= TRIES || !isPassing(error)) throw toUnavailable(error)
      await delay(50 + fullJitter(attempt, 50, 1_000))
    }
  }
}

/** True for what goes by itself, and soon: not for a broker that takes too long over a request. */
function isPassing(error: unknown): boolean {
  if (!isDriverError(error) || error instanceof AuthenticationError) return false
  return !findErrorBy(error, 'canRetry', false) && !findErrorBy(error, 'code', 'PLT_KFK_TIMEOUT')
}

function isDriverError(error: unknown): error is GenericError | MultipleErrors {
  return error instanceof GenericError || error instanceof MultipleErrors
}

/** Whether Kafka's answer, or a part of it, is the error of this name. */
export function hasApiError(error: unknown, apiId: string): boolean {
  return isDriverError(error) && findErrorBy(error, 'apiId', apiId) !== null
}

/** True when the broker was reached and does not let us in. */
export function isRefusedLogin(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; depth++) {
    if (cause instanceof AuthenticationError) return true
    cause = cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause.cause
  }
  return false
}

/** Whatever a broker says may be otherwise later: UNAVAILABLE. */
export function toUnavailable(error: unknown): unknown {
  if (error instanceof CallerError || error instanceof OperatorError || !isDriverError(error)) return error
  return unavailable(error)
}

/** The events wait, whatever it is that keeps them from being published, but for one that Kafka will never take. */
export function toPublishError(error: unknown): unknown {
  if (hasApiError(error, 'MESSAGE_TOO_LARGE') || hasApiError(error, 'RECORD_LIST_TOO_LARGE')) return error
  return error instanceof CallerError ? error : unavailable(error)
}

function unavailable(cause: unknown): CallerError {
  return new CallerError(
    'UNAVAILABLE',
    'The event bus (Kafka) cannot be reached at the moment. Try again.',
    {},
    cause,
  )
}
