import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { type PackedKit, packKit } from '#test/clients/kit/packed-kit.ts'
import { findChromium } from '#test/fixtures/chromium.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'
import {
  addProduct,
  CHECKOUT,
  checkoutInput,
  createSender,
  type PlatformClient,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'
import { freePortBase, openDataDir, startWaybill } from '#testbed/waybill-process.ts'

/** How often a tab or the browser is killed. `npm run test:outbox` sets 100. */
const KILLS = Number(process.env.OUTBOX_KILLS || 5)
/** Every so many kills take the whole browser. */
const BROWSER_KILL_EVERY = 5
const chromium = await findChromium()
const reason = 'missing' in chromium ? chromium.missing : ''

/** A small front end. `told` and `added` are functions of the test. */
const APP = `<!doctype html><title>A shop</title><link rel="icon" href="data:,"><script type="module">
  import { createSender } from '/kit/index.js'
  import { createOutbox } from '/kit/outbox.js'
  const { url, token, owner, query, input } = await (await fetch('/settings')).json()
  const authorization = 'Bearer ' + token
  const send = createSender({ url, fetch: (to, init) => fetch(to, { ...init, headers: { ...init.headers, authorization } }) })
  const outbox = createOutbox({
    owner, send, backoff: { minMs: 20, maxMs: 300 }, timeoutMs: 5000,
    onResult: (command, result) => told(command.key, result),
  })
  window.buy = async key => {
    await outbox.add({ key, group: key.split('-')[0], query, variables: key => ({ input: { ...input, idempotencyKey: key } }) })
    await added(key)
  }
  window.waiting = async () => (await outbox.commands()).map(({ key, parked }) => ({ key, parked }))
  document.title = 'ready'
</script>`

type Told = {
  readonly kind: string
  readonly data?: { readonly checkout?: { readonly order?: { readonly id: string } } }
}

/** The orders, as far as the test knows them. */
type Ledger = {
  /** Keys of commands that the outbox said to have. */
  readonly added: Set<string>
  /** The ids of the orders that it told for a key. */
  readonly told: Map<string, Set<string>>
  readonly oddities: unknown[]
}

async function serveApp(kit: PackedKit, settings: object) {
  const server = createServer((request, response) => {
    const { url = '' } = request
    const found = url.startsWith('/kit/')
      ? readFile(path.join(kit.folder, url.slice('/kit/'.length)))
      : Promise.resolve(url === '/settings' ? JSON.stringify(settings) : APP)
    const type = url.startsWith('/kit/') ? 'text/javascript' : 'text/html'
    found.then(
      body => response.setHeader('content-type', type).end(body),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Opens a tab of the app. */
async function openTab(browser: BrowserContext, origin: string, ledger: Ledger): Promise<Page> {
  const page = await browser.newPage()
  await page.exposeFunction('added', (key: string) => ledger.added.add(key))
  await page.exposeFunction('told', (key: string, { kind, data }: Told) => {
    const id = data?.checkout?.order?.id
    if (kind !== 'answered' || id === undefined) ledger.oddities.push({ key, kind, data })
    else ledger.told.set(key, (ledger.told.get(key) ?? new Set()).add(id))
  })
  await page.goto(origin)
  await page.waitForFunction(`document.title === 'ready'`)
  return page
}

/** Kills the tab's process, without a chance for the page to do anything. */
async function killTab(page: Page): Promise<void> {
  const crashed = new Promise(resolve => page.once('crash', resolve))
  const session = await page.context().newCDPSession(page)
  session.send('Page.crash').catch(() => {}) // there is nobody left to answer
  await crashed
  await page.close()
}

async function killBrowser(browser: BrowserContext): Promise<void> {
  const closed = new Promise(resolve => browser.once('close', resolve))
  const session = await browser.browser()?.newBrowserCDPSession()
  session?.send('Browser.crash').catch(() => {}) // there is nobody left to answer
  await closed
}

async function ordersOf(platform: PlatformClient, { token }: Shopper): Promise<string[]> {
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const {
      data,
    }: {
      data: { orders: { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } }
    } = await platform.send(
      'bff-web',
      token,
      'query ($after: String) { orders(first: 50, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }',
      { after },
    )
    ids.push(...data.orders.nodes.map(({ id }) => id))
    if (!data.orders.pageInfo.hasNextPage) return ids
    after = data.orders.pageInfo.endCursor
  }
}

test.skipIf(reason !== '')(
  `${KILLS} kills of the tab or the browser, offline and coming back: no order is lost, none is double ${reason}`,
  async () => {
    if (!('startOn' in chromium)) return
    await using data = await openDataDir()
    const { dataDir } = data
    await using instance = await startWaybill({ dataDir, portBase: await freePortBase() })
    const issuer = await openEmbeddedIssuer(path.join(dataDir, 'auth'))
    const platform: PlatformClient = {
      token: (role, subject = role) => issuer.sign({ role, subject }),
      send: createSender(name => `${instance.url(name)}/graphql`),
    }
    await addProduct(platform, { sku: 'pin', price: '1.00', stock: { 'BER-1': 100_000 } })
    const shopper = await registerShopper(platform)
    await using network = await createTcpProxy(instance.url('bff-web'))
    await using kit = await packKit()
    await using app = await serveApp(kit, {
      url: new URL('/graphql', network.url).href,
      token: shopper.token,
      owner: shopper.id,
      query: CHECKOUT,
      input: checkoutInput({ idempotencyKey: '', sku: 'pin', settleWithinMs: 0 }),
    })
    const profile = await mkdtemp(path.join(tmpdir(), 'waybill-profile-'))
    let browser = await chromium.startOn(profile)
    const ledger: Ledger = { added: new Set(), told: new Map(), oddities: [] }
    try {
      const tabs: Page[] = []
      for (let kill = 0; kill < KILLS; kill++) {
        while (tabs.length < 2) tabs.push(await openTab(browser, app.origin, ledger))
        const busy = useAndFlap(tabs, network, kill)
        await delay(Math.random() * 1200)
        if (kill % BROWSER_KILL_EVERY === BROWSER_KILL_EVERY - 1) {
          tabs.length = 0
          await killBrowser(browser)
          browser = await chromium.startOn(profile)
        } else await killTab(tabs.splice(Math.floor(Math.random() * tabs.length), 1)[0] ?? fail())
        await busy
      }
      const last = await openTab(browser, app.origin, ledger)
      await expect.poll(() => last.evaluate('waiting()'), { timeout: 60_000 }).toEqual([])
    } finally {
      await browser.close()
      await rm(profile, { recursive: true, force: true })
    }
    expect(ledger.oddities).toEqual([])
    expect([...ledger.added].filter(key => ledger.told.get(key)?.size !== 1)).toEqual([])
    const told = [...ledger.told.values()].flatMap(ids => [...ids])
    expect((await ordersOf(platform, shopper)).sort()).toEqual(told.sort())
    expect(ledger.added.size).toBeGreaterThan(KILLS)
    console.log(
      `${KILLS} kills, ${ledger.added.size} orders kept, ${told.length} placed: none lost, none double`,
    )
  },
  120_000 + KILLS * 6_000,
)

function fail(): never {
  throw new Error('there is a tab to kill')
}

/** Orders in both tabs, twice each under one key, while the network comes and goes. */
async function useAndFlap(
  tabs: readonly Page[],
  network: Awaited<ReturnType<typeof createTcpProxy>>,
  round: number,
): Promise<void> {
  const buying = tabs.flatMap((tab, index) =>
    // A call into a tab that is killed meanwhile is never answered, or fails.
    [0, 1, 2, 0].map(n => tab.evaluate(`buy('g${n}-${round}-${index}')`).catch(() => {})),
  )
  for (let flap = 0; flap < 4; flap++) {
    await network.close()
    await delay(Math.random() * 200)
    await network.open()
    await delay(Math.random() * 200)
  }
  await Promise.all(buying)
}
