import { sagaContract } from '#test/platform/saga/saga.contract.ts'
import {
  describeOnTemporal,
  freshEnvironment,
  runTripsOnTemporal,
} from '#test/platform/saga/temporal/temporal-fixture.ts'

describeOnTemporal(server =>
  sagaContract('Temporal', async () => {
    const environment = await freshEnvironment(server().url)
    return {
      run: (perform, policy) => runTripsOnTemporal(environment, { perform, ...(policy && { policy }) }),
      async [Symbol.asyncDispose]() {},
    }
  }),
)
