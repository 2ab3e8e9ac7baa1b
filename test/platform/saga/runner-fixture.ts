// Trip runners for tests: what every one of them is, and those on the event store, each with connections of its own.
import { isObject } from '#platform/domain/json.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { SagaPolicy } from '#platform/saga/attempt.ts'
import { startSagaRunner } from '#platform/saga/runner.ts'
import type { Call, SagaFilter, SagaRunner, SagaStatus, StepResponse } from '#platform/saga/saga.ts'
import { type TripEvent, tripSaga } from './trip-saga.ts'

export const SUCCESS: StepResponse = { status: 'succeeded', result: {} }

/** Failures are retried within milliseconds. */
export const FAST_POLICY: SagaPolicy = {
  boundedForMs: 30,
  stuckAfterMs: 30,
  firstDelayMs: 1,
  lastDelayMs: 10,
}

export type Perform = (call: Call) => Promise<StepResponse>

export type TripRunner = AsyncDisposable & {
  readonly runner: SagaRunner<TripEvent>
  readonly store: EventStore
  /** Calls `listener` whenever a history may have grown; returns how to stop. */
  readonly onNews: (listener: () => void) => () => void
}

/** Where runners share their sagas: each `run` is like another process. */
export type TripHost = AsyncDisposable & {
  run(perform: Perform, policy?: SagaPolicy): Promise<TripRunner>
}

export async function runTrips(
  url: string,
  perform: Perform,
  policy: SagaPolicy = FAST_POLICY,
  now: () => Date = () => new Date(),
): Promise<TripRunner> {
  const open = new AsyncDisposableStack()
  const store = open.use(await openPostgresEventStore({ url }))
  const readModels = open.use(await openReadModels(url))
  const runner = open.use(
    await startSagaRunner({ store, readModels, definition: tripSaga, perform, policy, now }),
  )
  return {
    runner,
    store,
    onNews: listener => store.onAppended(listener),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Returns the sagas that are listed, by id. */
export async function listedBy(
  { runner }: Pick<TripRunner, 'runner'>,
  filter: SagaFilter = {},
): Promise<SagaStatus[]> {
  const { items } = await runner.list(filter, { limit: 1_000 })
  return items.map(({ doc }) => doc).sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Returns the saga's history in short form: `StepSucceeded book`. */
export async function historyOf({ runner }: Pick<TripRunner, 'runner'>, sagaId: string): Promise<string[]> {
  const inspected = await runner.inspect(sagaId)
  return (inspected?.history ?? []).map(({ type, data }) => {
    const { step, timer } = isObject(data) ? data : {}
    return [type, step ?? timer].filter(part => part !== undefined).join(' ')
  })
}

/** Resolves once the saga's history has an entry like `entry`; looks whenever there may be news. */
export async function untilHistory(running: TripRunner, sagaId: string, entry: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    historyOf(running, sagaId).then(entries => entries.includes(entry) && resolve(), reject)
  }
  const stop = running.onNews(look)
  look()
  await promise.finally(stop)
}
