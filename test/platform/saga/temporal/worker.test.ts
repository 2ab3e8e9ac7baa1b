import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { readTemporalUrl } from '#platform/saga/temporal/url.ts'
import { connectToTemporal } from '#platform/saga/temporal/worker.ts'
import { QUIET } from '#test/platform/saga/temporal/temporal-fixture.ts'

/** Answers every call as a proxy does that asks for another key. */
async function startRefusing(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer().on('stream', stream => {
    const refusal = { 'grpc-status': '16', 'grpc-message': 'no such key' }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...refusal }, { endStream: true })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `temporal://:wrong@127.0.0.1:${port}/default?tls=false`,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

/** The wait would outlast the test. */
const NEVER_MS = 3_600_000

test('an API key that is refused ends the wait, and is not shown', async () => {
  await using refusing = await startRefusing()
  const failure = await connectToTemporal(readTemporalUrl(refusing.url), NEVER_MS, QUIET).catch(
    error => error,
  )
  expect(failure).toMatchObject({
    code: 'WORKFLOWS_REFUSED',
    message: expect.stringContaining('WORKFLOW_URL'),
  })
  expect(failure.message).not.toContain('wrong')
}, 60_000)
