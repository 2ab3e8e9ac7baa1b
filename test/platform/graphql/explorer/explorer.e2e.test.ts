// GraphiQL as a person uses it, in a browser that reaches nothing but this machine.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findChromium, openPage } from '#test/fixtures/chromium.ts'
import { exploreGraph } from './explorer-server.ts'

const chromium = await findChromium()
const reason = 'missing' in chromium ? chromium.missing : ''

const RUN = '.graphiql-execute-button'

async function openTab(page: Page, name: string): Promise<void> {
  await page.getByRole('tab', { name }).click()
}

/** What people see in the answer's editor, which shows blanks of its own kind. */
async function shown(page: Page): Promise<string> {
  const lines = await page.locator('.result-window .CodeMirror-line').allTextContents()
  return lines.join(' ').replace(/\s+/g, ' ')
}

describe.skipIf(reason !== '')(`GraphiQL in a browser without the internet ${reason}`, () => {
  let browser: Browser

  beforeAll(async () => {
    if ('start' in chromium) browser = await chromium.start()
  }, 300_000)
  afterAll(() => browser?.close())

  it('runs operations, with the examples in its tabs and the sample token at first', async () => {
    let sample = ''
    await using graph = await exploreGraph({ token: async () => sample })
    sample = await graph.token('sue')
    const { page, problems, foreign } = await openPage(browser)
    await page.goto(graph.page)
    await page.locator(RUN).click()
    await expect.poll(() => shown(page)).toContain('"me": "sue"')
    await openTab(page, 'Twice')
    await page.locator(RUN).click()
    await expect.poll(() => shown(page)).toContain('"twice": 42')
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    await page.getByText('All Schema Types').waitFor()
    await page.getByRole('button', { name: 'Open settings dialog' }).click()
    await page.getByText('Clear storage').waitFor()
    expect({ problems, foreign }).toEqual({ problems: [], foreign: [] })
    await page.close()
  })

  it('shows the first example with its variables', async () => {
    const operations = [
      { name: 'Twice', text: 'query Twice($x: Int!) { twice(x: $x) }', variables: { x: 4 } },
    ]
    await using graph = await exploreGraph({ operations })
    const { page } = await openPage(browser)
    await page.goto(graph.page)
    await page.locator(RUN).click()
    await expect.poll(() => shown(page)).toContain('"twice": 8')
    await page.close()
  })

  it('runs a subscription over WebSocket, and continues it under a new token', async () => {
    await using graph = await exploreGraph()
    const { page, problems } = await openPage(browser)
    await page.goto(graph.page)
    await openTab(page, 'Greetings')
    await page.locator(RUN).click()
    await graph.listened
    graph.ring(1)
    await expect.poll(() => shown(page)).toContain('"Good day 1, nobody"')
    graph.ring(2)
    await expect.poll(() => shown(page)).toContain('"Good day 2, nobody"')
    await page.getByLabel('Token').fill(`Bearer ${await graph.token('sam')}\n`)
    await page.getByLabel('Token').press('Enter')
    const greetedSam = async () => {
      graph.ring(3) // who is between two connections misses it
      return shown(page)
    }
    await expect.poll(greetedSam).toContain('"Good day 3, sam"')
    expect(problems).toEqual([])
    await page.close()
  })

  it("keeps the token in the tab's session only, shows its subject, and deletes it on request", async () => {
    await using graph = await exploreGraph()
    const token = await graph.token('sue')
    const { page } = await openPage(browser)
    const who = page.locator('#who')
    await page.goto(graph.page)
    expect(await who.textContent()).toBe('anonymous')
    await page.getByLabel('Token').fill(token)
    await page.getByLabel('Token').press('Enter')
    await expect.poll(() => who.textContent()).toContain('support sue, until')
    await page.reload()
    await expect.poll(() => who.textContent()).toContain('support sue, until')
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain(token)
    await page.getByRole('button', { name: 'Forget' }).click()
    expect(await who.textContent()).toBe('anonymous')
    await page.getByLabel('Token').fill(await graph.token('sue', -60))
    await page.getByLabel('Token').press('Enter')
    await expect.poll(() => who.textContent()).toContain('over since')
    await page.close()
  })
})
