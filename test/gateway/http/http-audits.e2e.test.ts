import { auditServer } from 'graphql-http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(() => platform?.[Symbol.asyncDispose]())

/** Apollo Server responds 400 to an operation that never ran, in either media type; its clients and ours read the status. */
const APOLLO_SERVER = {
  '572B': 'SHOULD use 200 status code on document parsing failure when accepting application/json',
  FDE2: 'SHOULD use 200 status code on document validation failure when accepting application/json',
  '7B9B': 'SHOULD use a status code of 200 on variable coercion failure when accepting application/json',
}

/** Lists the audits that each endpoint fails; all of them are SHOULD. */
const FAILS = { gateway: {}, 'bff-web': APOLLO_SERVER, 'bff-mobile': APOLLO_SERVER }

/** Apollo Server takes GETs only with a header that a page of another site cannot send; without it three MAY audits fail. */
const fetchFn: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers)
  headers.set('apollo-require-preflight', 'audit')
  return fetch(input, { ...init, headers })
}

test.each(['gateway', 'bff-web', 'bff-mobile'] as const)(
  '%s passes the audits of GraphQL over HTTP, except for those listed',
  async name => {
    const url = `${platform.urls[name]}/graphql`
    const results = await auditServer(name === 'gateway' ? { url } : { url, fetchFn })
    expect(results.length).toBeGreaterThan(50)
    const failed = results.filter(({ status }) => status !== 'ok')
    expect(Object.fromEntries(failed.map(({ id, name: audit }) => [id, audit]))).toEqual(FAILS[name])
  },
)
