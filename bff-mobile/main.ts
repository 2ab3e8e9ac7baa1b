// Runs the mobile BFF as a process of its own.
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'bff-mobile',
  async load() {
    const [{ readBffConfig }, { startBffMobile }] = await Promise.all([
      import('#bff/config.ts'),
      import('#bff-mobile/service.ts'),
    ])
    return { readConfig: env => readBffConfig('bff-mobile', env), start: startBffMobile }
  },
})
