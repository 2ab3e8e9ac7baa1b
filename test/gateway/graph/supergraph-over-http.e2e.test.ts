import { composeSupergraph, startComposedGateway } from '#test/gateway/composed-gateway.ts'
import {
  NUMBERS_SDL,
  numbersSubgraph,
  type Served,
  serveNumbers,
  speaksGraphqlOverHttp,
} from '#test/platform/graphql/endpoint/graphql-over-http.contract.ts'

async function serve(): Promise<Served> {
  await using open = new AsyncDisposableStack()
  const numbers = open.use(await serveNumbers(numbersSubgraph()))
  const sdl = composeSupergraph({ numbers: { sdl: NUMBERS_SDL, url: `${numbers.url}/graphql` } })
  const { gateway, log } = open.use(await startComposedGateway(sdl))
  const running = open.move()
  return { url: gateway.url, entries: log.entries, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

speaksGraphqlOverHttp('the gateway', serve)
