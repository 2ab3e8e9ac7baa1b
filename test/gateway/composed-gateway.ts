// Composes the supergraph of a test, and starts the gateway on it.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import type { GatewayConfig } from '#gateway/config.ts'
import { startGateway } from '#gateway/service.ts'
import { DEFAULT_SETTINGS } from '#gateway/settings.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

const UNUSED = 'http://127.0.0.1:1/graphql'

/** Composes the services' SDL. A service whose URL is configured otherwise needs none here. */
export function composeSupergraph(
  services: Readonly<Record<string, string | { readonly sdl: string; readonly url: string }>>,
): string {
  const { errors, supergraphSdl } = composeServices(
    Object.entries(services).map(([name, service]) => {
      const { sdl, url } = typeof service === 'string' ? { sdl: service, url: UNUSED } : service
      return { name, url, typeDefs: parse(sdl) }
    }),
  )
  if (errors) throw new Error(errors.map(({ message }) => message).join('\n'))
  return supergraphSdl
}

/** Starts the gateway on the supergraph `sdl`, which is in `file`, without authentication unless `config` has it. */
export async function startComposedGateway(sdl: string, config: Partial<GatewayConfig> = {}) {
  await using open = new AsyncDisposableStack()
  const folder = open.use(await temporaryFolder())
  const file = path.join(folder.path, 'supergraph.graphql')
  await writeFile(file, sdl)
  const log = recordingLogger()
  const gateway = open.use(
    await startGateway({
      host: '127.0.0.1',
      port: 0,
      supergraph: pathToFileURL(file),
      subgraphUrls: {},
      settings: DEFAULT_SETTINGS,
      development: false,
      logger: log.logger,
      ...config,
    }),
  )
  const running = open.move()
  return { gateway, file, log, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
