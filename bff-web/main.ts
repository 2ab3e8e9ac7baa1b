// Runs the web BFF as a process of its own.
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'bff-web',
  async load() {
    const [{ readBffConfig }, { startBffWeb }] = await Promise.all([
      import('#bff/config.ts'),
      import('#bff-web/service.ts'),
    ])
    return { readConfig: env => readBffConfig('bff-web', env), start: startBffWeb }
  },
})
