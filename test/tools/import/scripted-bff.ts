// Runs a web BFF over real HTTP whose every response a test scripts, for faults that are rare on a running one.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export type Request = { readonly operation: string; readonly variables: Readonly<Record<string, unknown>> }
/** Data, an error with this code, or a cut connection. */
export type Answer = { readonly data: unknown } | { readonly code: string; readonly message?: string } | 'cut'

type ScriptedBff = AsyncDisposable & { readonly url: string; readonly requests: Request[] }

export async function startScriptedBff(answer: (request: Request) => Answer): Promise<ScriptedBff> {
  const requests: Request[] = []
  const server = createServer(async (incoming, outgoing) => {
    const { query, variables } = (await json(incoming)) as { query: string; variables: Request['variables'] }
    const request = { operation: /\w+ (\w+)/.exec(query)?.[1] ?? '', variables }
    requests.push(request)
    const given = answer(request)
    if (given === 'cut') {
      incoming.socket.destroy()
      return
    }
    const body =
      'data' in given
        ? { data: given.data }
        : { errors: [{ message: given.message ?? given.code, extensions: { code: given.code } }] }
    outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
