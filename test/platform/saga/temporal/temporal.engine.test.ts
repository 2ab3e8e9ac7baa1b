import { afterAll, beforeAll, describe } from 'vitest'
import { sagaContract } from '#test/platform/saga/saga.contract.ts'
import { freshEnvironment, runTripsOnTemporal } from '#test/platform/saga/temporal/temporal-fixture.ts'
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { temporal } from '#testbed/engines/temporal.ts'

const found = temporal.find()
const missing = missingReason(temporal)

describe.skipIf(missing)(missing ? `on Temporal (skipped: ${missing})` : 'with its server', () => {
  let server: RunningEngine

  beforeAll(async () => {
    if (found) server = await found.start()
  })

  afterAll(() => server?.[Symbol.asyncDispose]())

  sagaContract(found?.version ?? 'Temporal', async () => {
    const environment = await freshEnvironment(server.url)
    return {
      run: (perform, policy) => runTripsOnTemporal(environment, { perform, ...(policy && { policy }) }),
      async [Symbol.asyncDispose]() {},
    }
  })
})
