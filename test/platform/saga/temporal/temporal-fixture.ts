// Trip runners on Temporal for tests: each environment is a database and a namespace of its own on one server.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, Connection, type WorkflowService } from '@temporalio/client'
import { afterAll, beforeAll, describe } from 'vitest'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { OpenSagaRunner } from '#platform/saga/open.ts'
import type { SagaDefinition } from '#platform/saga/saga.ts'
import { startTemporalSagaRunner } from '#platform/saga/temporal/runner.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import {
  FAST_POLICY,
  type Perform,
  type TripHost,
  type TripRunner,
} from '#test/platform/saga/runner-fixture.ts'
import { type Trip, type TripEvent, tripSaga } from '#test/platform/saga/trip-saga.ts'
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { temporal } from '#testbed/engines/temporal.ts'

/** Failures in these tests are intended, so nothing is logged. */
export const QUIET = { warn() {}, error() {}, debug() {} }

export type TemporalTripRunner = TripRunner & { readonly runner: OpenSagaRunner<TripEvent> }

export type TripSettings = {
  readonly perform: Perform
  readonly policy?: Parameters<TripHost['run']>[1]
  readonly definition?: SagaDefinition<Trip, TripEvent>
  readonly runLength?: number
  readonly startTimeoutMs?: number
}

export type TripEnvironment = { readonly url: string; readonly databaseUrl: string }

const found = temporal.find()
const missing = missingReason(temporal)

/** Describes tests that share one server, and are skipped where there is none. */
export function describeOnTemporal(body: (server: () => RunningEngine) => void): void {
  const title = missing ? `on Temporal (skipped: ${missing})` : `on ${found?.version}`
  describe.skipIf(missing)(title, () => {
    let server: RunningEngine | undefined
    beforeAll(async () => {
      server = await found?.start()
    })
    afterAll(() => server?.[Symbol.asyncDispose]())
    body(() => {
      if (!server) throw new Error('Temporal was not started')
      return server
    })
  })
}

export async function freshEnvironment(url: string): Promise<TripEnvironment> {
  return { url: await freshNamespace(url), databaseUrl: await freshDatabase() }
}

/** The URL of a namespace of its own on the server at `url`. */
export async function freshNamespace(url: string): Promise<string> {
  const namespace = `test-${randomUUID()}`
  const connection = await Connection.connect({ address: addressOf(url) })
  try {
    await register(connection.workflowService, namespace)
  } finally {
    await connection.close()
  }
  return url.replace(/\/[^/]*$/, `/${namespace}`)
}

/** Does what an operator may do with Temporal's own tools. */
export async function cancelWorkflow(url: string, workflowId: string): Promise<void> {
  const connection = await Connection.connect({ address: addressOf(url) })
  const { workflow } = new Client({ connection, namespace: new URL(url).pathname.slice(1) })
  await workflow.getHandle(workflowId).cancel()
  await connection.close()
}

function addressOf(url: string): string {
  return new URL(url).host
}

/** Resolves once workflowClient can be asked for in it: servers learn of a namespace a little later. */
async function register(service: WorkflowService, namespace: string): Promise<void> {
  await service.registerNamespace({ namespace, workflowExecutionRetentionPeriod: DAY })
  for (;;) {
    try {
      await service.listWorkflowExecutions({ namespace })
      return
    } catch {
      await delay(50)
    }
  }
}

const DAY = { seconds: 86_400 } as unknown as NonNullable<
  Parameters<WorkflowService['registerNamespace']>[0]['workflowExecutionRetentionPeriod']
>

export async function runTripsOnTemporal(
  { url, databaseUrl }: TripEnvironment,
  { perform, policy = FAST_POLICY, definition = tripSaga, ...rest }: TripSettings,
): Promise<TemporalTripRunner> {
  const open = new AsyncDisposableStack()
  const store = open.use(await openPostgresEventStore({ url: databaseUrl }))
  const readModels = open.use(await openReadModels(databaseUrl))
  const runner = open.use(
    await startTemporalSagaRunner({
      url,
      store,
      readModels,
      definition,
      perform,
      policy,
      logger: QUIET,
      ...rest,
    }),
  )
  return {
    runner,
    store,
    onNews(listener) {
      const asking = setInterval(listener, 100)
      return () => clearInterval(asking)
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}
