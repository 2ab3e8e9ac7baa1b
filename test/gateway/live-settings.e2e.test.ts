import { rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { gatewayLiveSchema } from '#gateway/live-settings.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { gatewaySettingsContract } from './live-settings.contract.ts'

describe('live settings of the gateway in a file', () => {
  gatewaySettingsContract(async () => {
    const folder = await temporaryFolder()
    const file = path.join(folder.path, 'settings.json')
    return {
      url: pathToFileURL(file).href,
      name: file,
      async put(text) {
        if (text === undefined) return rm(file, { force: true })
        await writeFile(`${file}.new`, text)
        await rename(`${file}.new`, file)
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    }
  })
})

test.each([
  ['an unknown setting', { rateLimits: {} }],
  ['half a rate limit', { rateLimit: { capacity: 10 } }],
  ['a circuit breaker that never opens', { everySubgraph: { breaker: { threshold: 1 } } }],
  ['a time limit past ten minutes', { subgraphs: { orders: { timeoutMs: 600_001 } } }],
])('%s is refused', (_what, settings) => {
  expect(gatewayLiveSchema.safeParse(settings).success).toBe(false)
})
