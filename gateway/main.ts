// The gateway as a process of its own. SIGHUP reads the supergraph again; a terminal that is closed sends one too, and ends it.
import { enableCompileCache } from 'node:module'
import process from 'node:process'
import { runService } from '#platform/process/run-service.ts'

await runService({
  name: 'gateway',
  async load() {
    enableCompileCache() // the second start is faster, and leaves out 20 MB that reading TypeScript takes
    const [{ readGatewayConfig }, { startGateway }, { startupBanner }] = await Promise.all([
      import('#gateway/config.ts'),
      import('#gateway/service.ts'),
      import('#gateway/http/startup-banner.ts'),
    ])
    return {
      readConfig: readGatewayConfig,
      async start(config) {
        const gateway = await startGateway(config)
        const { auth, development, settings } = config
        const introspection = settings.introspection ?? development
        const banner = startupBanner({ ...gateway, issuer: auth?.issuer, introspection })
        return Object.assign(gateway, { banner })
      },
    }
  },
  /** What a person reads goes to standard error: standard output has the log, one JSON object a line. */
  onStarted(gateway) {
    if (!process.stdin.isTTY) process.on('SIGHUP', () => void gateway.reload())
    console.error(gateway.banner) // whoever reads them may stop it at once
  },
})
