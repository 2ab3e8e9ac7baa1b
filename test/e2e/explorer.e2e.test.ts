// Opens the GraphQL endpoints in a browser: a development instance serves explorer pages, production does not.
import { readFile } from 'node:fs/promises'
import { buildSchema, type GraphQLSchema, parse, validate } from 'graphql'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readExamples } from '#platform/graphql/explorer/examples.ts'
import { startServices } from '#start/services.ts'
import { findChromium, openPage } from '#test/fixtures/chromium.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { addProduct, CHECKOUT, checkoutInput } from '#testbed/shop-client.ts'

const ADA = 'cus_01920000-0000-7000-8000-000000000001' // the BFFs' sample tokens are hers
const SERVICES = ['bff-web', 'bff-mobile', 'gateway', 'orders', 'inventory', 'payment', 'shipping'] as const
const EXPLORED = { 'bff-web': 'web', 'bff-mobile': 'mobile', gateway: 'gateway' } as const

const chromium = await findChromium()
const reason = 'missing' in chromium ? chromium.missing : ''

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '3600000' })
})
afterAll(() => platform?.[Symbol.asyncDispose]())

const folderOf = (name: string) => new URL(`../../clients/${name}/`, import.meta.url)

describe('Apollo Sandbox', () => {
  test.each(SERVICES)('is the landing page of %s', async service => {
    const url = `${platform.urls[service]}/graphql`
    const page = await fetch(url, { headers: { accept: 'text/html,application/xhtml+xml' } })
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(await page.text()).toContain('embeddable-sandbox')
  })
})

describe('the examples', () => {
  const schemaOf = async (file: string): Promise<GraphQLSchema> =>
    buildSchema(await readFile(new URL(`../../schema/${file}`, import.meta.url), 'utf8'))

  test.each(['web', 'mobile'])('of %s are valid in its graph', async name => {
    const schema = await schemaOf(`bff-${name}.graphql`)
    const examples = readExamples(folderOf(name))
    expect(examples.length).toBeGreaterThan(5)
    for (const example of examples) expect(validate(schema, parse(example.text)), example.name).toEqual([])
  })

  test('of the gateway succeed', async () => {
    const token = await platform.token('support')
    const examples = readExamples(folderOf('gateway'))
    expect(examples.length).toBeGreaterThan(2)
    for (const { name, text, variables } of examples)
      expect((await platform.send('gateway', token, text, variables)).errors, name).toBeUndefined()
  })
})

test('a graph in production serves neither page', async () => {
  const { PORT: _port, ...common } = platform.environment('bff-web')
  const env = { ...common, PORT: '0', NODE_ENV: 'production' }
  await using production = await startServices([{ name: 'bff-web', env }])
  const url = production.services[0]?.url ?? ''
  const headers = { accept: 'text/html' }
  expect((await fetch(`${url}/graphiql`, { headers })).status).toBe(404)
  expect((await fetch(`${url}/graphiql/page.js`, { headers })).status).toBe(404)
  expect(await (await fetch(`${url}/graphql`, { headers })).text()).not.toContain('sandbox')
})

describe.skipIf(reason !== '')(`GraphiQL in a browser without the internet ${reason}`, () => {
  let browser: Browser
  beforeAll(async () => {
    if ('start' in chromium) browser = await chromium.start()
  }, 300_000)
  afterAll(() => browser?.close())

  const run = (page: Page) => page.locator('.graphiql-execute-button').click()
  async function shown(page: Page): Promise<string> {
    const lines = await page.locator('.result-window .CodeMirror-line').allTextContents()
    return lines.join(' ').replace(/\s+/g, ' ')
  }
  async function open(service: keyof typeof EXPLORED, tab: string) {
    const opened = await openPage(browser)
    await opened.page.goto(`${platform.urls[service]}/graphiql`)
    await opened.page.getByRole('tab', { name: new RegExp(`^${tab}\\b`) }).click()
    return opened
  }

  test.each([
    ['bff-web', 'Catalogue', '"products": {'],
    ['bff-mobile', 'Products', '"products": {'],
    ['gateway', 'Orders', '"orders": {'],
  ] as const)('asks %s with its sample token', async (service, tab, answer) => {
    const { page, problems, foreign } = await open(service, tab)
    await run(page)
    await expect.poll(() => shown(page)).toContain(answer)
    expect(await shown(page)).not.toContain('errors')
    expect(await page.locator('#who').textContent()).toMatch(
      service === 'gateway' ? /^support/ : /^customer cus_/,
    )
    expect({ problems, foreign }).toEqual({ problems: [], foreign: [] })
    await page.close()
  })

  test('follows the orders of the sample customer, live', async () => {
    await addProduct(platform, { sku: 'shown-live', price: '5.00', stock: { 'NYC-1': 5 } })
    const token = await platform.token('customer', ADA)
    const register =
      'mutation($input: RegisterCustomerInput!) { registerCustomer(input: $input) { __typename } }'
    const ada = { idempotencyKey: 'register-ada', name: 'Ada Example', email: 'ada@shop.example' }
    await platform.send('bff-web', token, register, { input: ada })
    const { page, problems } = await open('bff-web', 'MyOrderChanges')
    await run(page)
    await expect.poll(() => shown(page)).toContain('"kind": "PRESENT"')
    const input = checkoutInput({ idempotencyKey: 'live-1', sku: 'shown-live' })
    await platform.send('bff-web', token, CHECKOUT, { input })
    await expect.poll(() => shown(page)).toContain('"kind": "CHANGED"')
    expect(problems).toEqual([])
    await page.close()
  })
})
