import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect, test } from 'vitest'
import { packKit } from '#test/clients/kit/packed-kit.ts'
import { findChromium } from '#test/fixtures/chromium.ts'

const chromium = await findChromium()
const reason = 'missing' in chromium ? chromium.missing : ''

const APP = `<!doctype html><title>A shop</title><link rel="icon" href="data:,"><script type="module">
  import { createSender } from '/kit/index.js'
  import { createOutbox } from '/kit/outbox.js'
  const tab = location.hash
  const sender = createSender({ url: '/graphql' })
  const outbox = createOutbox({
    owner: 'me', send: request => sender({ ...request, variables: { ...request.variables, tab } }),
  })
  const add = key => outbox.add({ key, query: 'mutation { a }', variables: key => ({ key }) })
  window.buy = async key => (await (await add(key)).result).kind
  document.title = 'ready'
</script>`

test.skipIf(reason !== '')(
  `in a browser without Web Locks one tab sends, and another one after that was killed ${reason}`,
  async () => {
    if (!('start' in chromium)) return
    const sent: { readonly key: string; readonly tab: string }[] = []
    await using kit = await packKit()
    const server = createServer(async (request, response) => {
      const { url = '' } = request
      if (url === '/graphql') {
        sent.push(JSON.parse(Buffer.concat(await request.toArray()).toString()).variables)
        response.setHeader('content-type', 'application/json').end('{"data":{"a":1}}')
      } else if (url.startsWith('/kit/')) {
        const file = await readFile(path.join(kit.folder, url.slice('/kit/'.length)))
        response.setHeader('content-type', 'text/javascript').end(file)
      } else response.setHeader('content-type', 'text/html').end(APP)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const browser = await chromium.start()
    try {
      const context = await browser.newContext()
      await context.addInitScript(`Object.defineProperty(navigator, 'locks', { value: undefined })`)
      const open = async (tab: string) => {
        const page = await context.newPage()
        await page.goto(`http://127.0.0.1:${port}/#${tab}`)
        await page.waitForFunction(`document.title === 'ready'`)
        return page
      }
      const first = await open('first')
      expect(await first.evaluate(`buy('one')`)).toBe('answered')
      const second = await open('second')
      expect(await second.evaluate(`buy('two')`)).toBe('answered')
      const crashed = new Promise(resolve => first.once('crash', resolve))
      const session = await context.newCDPSession(first)
      session.send('Page.crash').catch(() => {}) // there is nobody left to answer
      await crashed
      expect(await second.evaluate(`buy('three')`)).toBe('answered')
      expect(sent.map(({ key }) => key)).toEqual(['one', 'two', 'three'])
      expect(sent[0]?.tab).toBe('#first')
      expect(sent[2]?.tab).toBe('#second')
    } finally {
      await browser.close()
      server.closeAllConnections()
      server.close()
    }
  },
)
