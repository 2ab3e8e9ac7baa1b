// Connects to the Kafka cluster, retries requests, and maps the driver's errors.
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
import type { KafkaSettings } from '#platform/event-bus/url.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

export type PartitionLayout = {
  readonly id: string
  /** By partition: the number of the broker that leads it. */
  readonly leaders: readonly number[]
}

/** A client with connections of its own, on which requests wait for one another. */
export type KafkaConnection = AsyncDisposable & {
  readonly admin: Admin
  layout(topic: string): Promise<PartitionLayout>
  broker(node: number): Promise<Connection>
  /** Makes the next request read the layout anew, after an error that may mean that a leader has moved. */
  forgetLayout(): void
}

/** The longest that a broker may take over one request, which also bounds a broker that is paused. */
const REQUEST_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000
const LAYOUT_AGE_MS = 60_000
const ATTEMPTS = 4

/** Returns the options that every client of the cluster is created with. */
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
      if (!found) throw new Error(`Kafka returns no metadata of topic ${topic}`)
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

/** A connection emits its error once more after its request has failed, when nobody else listens. */
export function ignoreConnectionErrors({ connections }: Pick<Admin, 'connections'>): void {
  connections.on('connecting', ({ connection }) => connection.on('error', () => {})) // already reported by the request
}

/**
 * Retries `work`, up to four attempts, when a connection was lost or a leader has moved. Throws CallerError UNAVAILABLE
 * when Kafka cannot do it at the moment.
 */
export async function withRetry<T>(connection: KafkaConnection, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      connection.forgetLayout()
      if (attempt >= ATTEMPTS || !isTransient(error)) throw toUnavailable(error)
      await delay(50 + fullJitter(attempt, 50, 1_000))
    }
  }
}

/** True for errors that end by themselves, and soon: not for a broker that takes too long over a request. */
function isTransient(error: unknown): boolean {
  if (!isDriverError(error) || error instanceof AuthenticationError) return false
  return !findErrorBy(error, 'canRetry', false) && !findErrorBy(error, 'code', 'PLT_KFK_TIMEOUT')
}

function isDriverError(error: unknown): error is GenericError | MultipleErrors {
  return error instanceof GenericError || error instanceof MultipleErrors
}

/** Returns whether Kafka's response, or a part of it, is the error of this name. */
export function hasApiError(error: unknown, apiId: string): boolean {
  return isDriverError(error) && findErrorBy(error, 'apiId', apiId) !== null
}

/** Returns whether a broker was reached and refuses the login. */
export function isRefusedLogin(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; depth++) {
    if (cause instanceof AuthenticationError) return true
    cause = cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause.cause
  }
  return false
}

/** Maps a driver's error to CallerError UNAVAILABLE: whatever a broker reports may be different later. */
export function toUnavailable(error: unknown): unknown {
  if (error instanceof CallerError || error instanceof OperatorError || !isDriverError(error)) return error
  return unavailable(error)
}

/** Maps any error to CallerError UNAVAILABLE, so that the events wait, except for an event that Kafka will never take. */
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
