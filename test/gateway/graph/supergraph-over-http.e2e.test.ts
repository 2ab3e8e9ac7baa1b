import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { composeServices } from '@apollo/composition'
import { parse } from 'graphql'
import { startGateway } from '#gateway/service.ts'
import { DEFAULT_SETTINGS } from '#gateway/settings.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import {
  NUMBERS_SDL,
  numbersSubgraph,
  type Served,
  serveNumbers,
  speaksGraphqlOverHttp,
} from '#test/platform/graphql/endpoint/graphql-over-http.contract.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

async function serve(): Promise<Served> {
  await using open = new AsyncDisposableStack()
  const folder = open.use(await temporaryFolder())
  const numbers = open.use(await serveNumbers(numbersSubgraph()))
  const url = `${numbers.url}/graphql`
  const { supergraphSdl } = composeServices([{ name: 'numbers', url, typeDefs: parse(NUMBERS_SDL) }])
  const file = path.join(folder.path, 'supergraph.graphql')
  await writeFile(file, supergraphSdl ?? '')
  const { logger, entries } = recordingLogger()
  const gateway = open.use(
    await startGateway({
      host: '127.0.0.1',
      port: 0,
      supergraph: pathToFileURL(file),
      subgraphUrls: {},
      settings: DEFAULT_SETTINGS,
      development: false,
      logger,
    }),
  )
  const running = open.move()
  return { url: gateway.url, entries, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

speaksGraphqlOverHttp('the gateway', serve)
