// Checks the gateway's rate limit behind a BFF: each end client has its own bucket, though one process reads for all.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'

let folder: string
let platform: TestPlatform
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'waybill-limits-'))
  const file = path.join(folder, 'gateway.json')
  await writeFile(file, JSON.stringify({ rateLimit: { capacity: 300, perSecond: 0.001 } }))
  platform = await startPlatform({ GATEWAY_SETTINGS: file })
})
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Requests a page that is in no cache. */
let page = 0
const readFresh = (token: string | undefined) =>
  platform.send(
    'bff-web',
    token,
    '{ products(first: 5, filter: { text: "T" }) { nodes { sku } } }'.replace('T', `t${page++}`),
  )

test('one abusive customer is limited, other customers are not', async () => {
  const [abuser, other] = await Promise.all(['abe', 'olive'].map(name => platform.token('customer', name)))
  const codes = new Set<string | undefined>()
  for (let asked = 0; asked < 100; asked++) codes.add((await readFresh(abuser)).errors?.[0]?.extensions.code)
  expect(codes).toEqual(new Set([undefined, 'RATE_LIMITED']))
  expect((await readFresh(abuser)).errors?.[0]?.extensions.code).toBe('RATE_LIMITED')
  expect((await readFresh(other)).errors).toBeUndefined()
  expect((await readFresh(undefined)).errors).toBeUndefined()
})
