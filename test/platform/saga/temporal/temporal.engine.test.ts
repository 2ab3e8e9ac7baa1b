import { afterAll, beforeAll } from 'vitest'
import type { RunningEngine } from '#test/engines/engine.ts'
import { temporal } from '#test/engines/temporal.ts'
import { sagaContract } from '#test/platform/saga/saga.contract.ts'
import { freshPlace, runTripsOnTemporal } from '#test/platform/saga/temporal/places.ts'

let server: RunningEngine

beforeAll(async () => {
  const found = temporal.find()
  if (!found) throw new Error('there is no Temporal: run npm run test:engines')
  server = await found.start()
})

afterAll(() => server?.[Symbol.asyncDispose]())

sagaContract('Temporal', async () => {
  const place = await freshPlace(server.url)
  return {
    run: (perform, policy) => runTripsOnTemporal(place, { perform, ...(policy && { policy }) }),
    async [Symbol.asyncDispose]() {},
  }
})
