// What a browser gets at each GraphQL endpoint of a development copy.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPlatform, type TestPlatform } from '#test/platform.ts'

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(() => platform?.[Symbol.asyncDispose]())

const SERVICES = ['bff-web', 'bff-mobile', 'gateway', 'orders', 'inventory', 'payment', 'shipping'] as const

test.each(SERVICES)('%s lands on Apollo Sandbox', async service => {
  const url = `${platform.urls[service]}/graphql`
  const page = await fetch(url, { headers: { accept: 'text/html,application/xhtml+xml' } })
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toContain('text/html')
  expect(await page.text()).toContain('embeddable-sandbox')
})
