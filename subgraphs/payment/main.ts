// Starts payment as a process: reads the environment, and stops on a signal.
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'payment',
  async load() {
    const [{ readPaymentConfig }, { startPayment }] = await Promise.all([
      import('#subgraphs/payment/config.ts'),
      import('#subgraphs/payment/service.ts'),
    ])
    return { readConfig: readPaymentConfig, start: startPayment }
  },
})
