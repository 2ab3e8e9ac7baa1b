// Drives a shop in a browser: its list of orders, the page of one order, the checkout.
import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'
import { openPage } from '#test/fixtures/chromium.ts'

/** One order as the list and the page show it; null where it is not shown. */
type Shown = { readonly list: string | null; readonly page: string | null }

export type ShopPage = AsyncDisposable & {
  /** Returns the ids of the listed orders, from the top. */
  listed(): Promise<string[]>
  /** Says whether the list has more at either end. */
  ends(): Promise<{ newer: boolean; older: boolean }>
  press(button: 'Newer' | 'Older' | 'Cancel'): Promise<void>
  /** Opens the page of a listed order. */
  select(orderId: string): Promise<void>
  order(basket: object): Promise<void>
  /** Returns the sentence about the last command. */
  outcome(): Promise<string>
  shown(orderId: string): Promise<Shown>
  /** Waits until the list and the page agree on an order, and returns the status that both show. */
  agreed(orderId: string): Promise<string>
  /** Returns all text of the open page. */
  text(): Promise<string>
  /** Holds the requests that contain `text` back until the returned function is called. */
  holdBack(text: string): Promise<() => Promise<void>>
  /** Errors in the console of the browser. */
  readonly problems: readonly string[]
}

export async function openShop(
  browser: Browser,
  site: string,
  session: { readonly api: string; readonly token: string; readonly after?: string },
): Promise<ShopPage> {
  const { page, problems, foreign } = await openPage(browser)
  await page.goto(`${site}#${new URLSearchParams(session)}`)
  const orders = page.getByRole('region', { name: 'Orders' })
  const order = page.getByRole('region', { name: 'Order', exact: true })
  const row = (id: string) => page.locator(`li[data-order="${id}"]`)
  const details = (id: string) => page.locator(`section[data-order="${id}"]`)

  async function shown(id: string): Promise<Shown> {
    const [list = null] = await row(id).locator('output').allTextContents()
    const [inPage = null] = await details(id).locator('output').allTextContents()
    return { list, page: inPage }
  }
  return {
    problems,
    shown,
    listed: () => orders.locator('li').evaluateAll(rows => rows.map(one => one.dataset.order ?? '')),
    async ends() {
      const of = async (end: string) => (await orders.getAttribute(`data-${end}`)) === 'true'
      return { newer: await of('newer'), older: await of('older') }
    },
    press: button => page.getByRole('button', { name: button, exact: true }).click(),
    async select(id) {
      await row(id).getByRole('button').click()
      await details(id).waitFor()
    },
    async order(basket) {
      await page.getByLabel('Basket').fill(JSON.stringify(basket))
      await page.getByRole('button', { name: 'Order', exact: true }).click()
    },
    outcome: async () => (await page.getByRole('status').last().textContent()) ?? '',
    async agreed(id) {
      await expect
        .poll(async () => {
          const { list, page } = await shown(id)
          return list !== null && list === page
        })
        .toBe(true)
      return (await details(id).locator('output').getAttribute('data-status')) ?? ''
    },
    text: async () => (await order.textContent()) ?? '',
    holdBack: text => holdBack(page, text),
    async [Symbol.asyncDispose]() {
      await page.close()
      expect(foreign).toEqual([])
    },
  }
}

async function holdBack(page: Page, text: string): Promise<() => Promise<void>> {
  const released = Promise.withResolvers<void>()
  await page.route('**/graphql', async route => {
    if (route.request().postData()?.includes(text)) await released.promise
    await route.continue()
  })
  return async () => {
    released.resolve()
    await page.unrouteAll({ behavior: 'wait' })
  }
}
