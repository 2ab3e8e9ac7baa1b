import { expect, test } from 'vitest'
import { readTemporalUrl } from '#platform/saga/temporal/url.ts'
import { connectToTemporal } from '#platform/saga/temporal/worker.ts'
import { createWorkflowClient } from '#platform/saga/temporal/workflow-client.ts'
import { describeOnTemporal, freshNamespace, QUIET } from '#test/platform/saga/temporal/temporal-fixture.ts'

/** More than what a circuit needs to open. */
const SWEPT = 40

describeOnTemporal(server => {
  test('a sweep over sagas that have already begun does not hold up the events of another', async () => {
    const environment = readTemporalUrl(await freshNamespace(server().url))
    const connection = await connectToTemporal(environment, 10_000, QUIET)
    try {
      const { namespace } = environment
      const workflowClient = createWorkflowClient({
        connection,
        namespace,
        taskQueue: 'nobody',
        saga: 'trip',
      })
      for (let count = 0; count < SWEPT; count++) await workflowClient.start('one')
      const event = { commandId: 'go', type: 'TripStarted', schema: 1, data: {}, meta: {} }
      await expect(workflowClient.deliver('two', event)).resolves.toBeUndefined()
    } finally {
      await connection.close()
    }
  })
})
