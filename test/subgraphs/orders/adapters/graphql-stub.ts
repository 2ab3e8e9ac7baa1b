// Starts a small GraphQL endpoint over HTTP for tests of a client: a function gives the responses, and requests are kept.
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { serveHttp } from '#test/fixtures/http-server.ts'

type Sent = {
  readonly variables: Readonly<Record<string, unknown>>
  readonly headers: IncomingMessage['headers']
}
export type StandIn = AsyncDisposable & { readonly url: string; readonly sent: Sent[] }

type Operation = { readonly variables: Readonly<Record<string, unknown>> }

/** `answer` gives the `data` of one operation; what it throws becomes HTTP 500. */
export async function standIn(answer: (variables: Operation['variables']) => object): Promise<StandIn> {
  const sent: Sent[] = []
  const server = await serveHttp(async (request, response) => {
    const body = (await json(request)) as Operation | Operation[]
    const one = ({ variables }: Operation) => {
      sent.push({ variables, headers: request.headers })
      return { data: answer(variables) }
    }
    try {
      const text = JSON.stringify(Array.isArray(body) ? body.map(one) : one(body))
      response.setHeader('content-type', 'application/json').end(text)
    } catch {
      response.writeHead(500).end()
    }
  })
  return { ...server, url: `${server.url}/graphql`, sent }
}
