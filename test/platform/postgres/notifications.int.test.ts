import pg from 'pg'
import { expect, type TestContext, test, vi } from 'vitest'
import { type Notifications, openNotifications } from '#platform/postgres/notifications.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'

type Opened = { readonly notifications: Notifications; readonly sent: string[] }

/** Opens notifications that record each topic that they send. */
function open({ onTestFinished }: Pick<TestContext, 'onTestFinished'>, url: string): Opened {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pool.on('error', () => {})
  const sent: string[] = []
  const notifications = openNotifications({
    url,
    channel: 'waybill_test',
    logger: undefined,
    run(text, values) {
      const [payloads] = values
      if (Array.isArray(payloads)) sent.push(...payloads.map(payload => String(payload).slice(37)))
      return pool.query(text, [...values])
    },
  })
  onTestFinished(async () => {
    await notifications[Symbol.asyncDispose]()
    await pool.end()
  })
  return { notifications, sent }
}

const until = (assertion: () => void) => vi.waitFor(assertion, { timeout: 30_000, interval: 10 })
const whenAlone = ({ notifications }: Opened) => until(() => expect(notifications.isAlone()).toBe(true))

/** Resolves when `topic` is heard from elsewhere. */
function heard({ notifications }: Opened, topic: string): Promise<void> {
  return new Promise(resolve => {
    notifications.listen(topic, source => source === 'elsewhere' && resolve())
  })
}

test('nothing is sent while nobody else listens, and listeners in the process are called', async context => {
  const one = open(context, await freshDatabase())
  await whenAlone(one)
  const sources: string[] = []
  one.notifications.listen('news', source => sources.push(source))
  for (let count = 0; count < 3; count++) one.notifications.notify('news')
  expect(sources).toEqual(['here', 'here', 'here'])
  await one.notifications[Symbol.asyncDispose]()
  expect(one.sent).toEqual([])
})

test('whoever begins to listen hears what was held back, once, and all that comes later', async context => {
  const url = await freshDatabase()
  const one = open(context, url)
  await whenAlone(one)
  one.notifications.notify('news')
  one.notifications.notify('news')
  const two = open(context, url)
  await until(() => expect(one.sent).toEqual(['news']))
  expect(one.notifications.isAlone()).toBe(false)
  const hearing = heard(two, 'other news')
  one.notifications.notify('other news')
  await hearing
  await until(() => expect(one.sent).toEqual(['news', 'other news']))
})

test('both of two that begin at once hear each other', async context => {
  const url = await freshDatabase()
  const [one, two] = [open(context, url), open(context, url)]
  await until(() => expect(one.notifications.isAlone() || two.notifications.isAlone()).toBe(false))
  const hearing = [heard(one, 'from two'), heard(two, 'from one')]
  one.notifications.notify('from one')
  two.notifications.notify('from two')
  await Promise.all(hearing)
})

test('a process that others left is alone again, and is told that it may have missed something', async context => {
  const url = await freshDatabase()
  const one = open(context, url)
  await whenAlone(one)
  const two = open(context, url)
  await until(() => expect(one.notifications.isAlone()).toBe(false))
  await two.notifications[Symbol.asyncDispose]()
  const warned = heard(one, 'warning')
  await until(() => {
    one.notifications.notify('news')
    expect(one.notifications.isAlone()).toBe(true)
  })
  await warned
})

test('a process whose listening session is lost is not alone until it listens again, and sends what it held back', async context => {
  const url = await freshDatabase()
  const one = open(context, url)
  await whenAlone(one)
  one.notifications.notify('news')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  context.onTestFinished(() => client.end())
  const warned = heard(one, 'news')
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'waybill-test-listener'",
  )
  await until(() => expect(one.sent).toEqual(['news']))
  await warned
  await whenAlone(one)
})

test('a check replaces a listening session whose connection was dropped silently', async context => {
  const url = await freshDatabase()
  await using proxy = await createTcpProxy(url)
  await proxy.open()
  const [one, two] = [open(context, proxy.url), open(context, url)]
  const hearing = heard(one, 'news')
  await until(() => {
    two.notifications.notify('news')
    expect(two.sent).toContain('news')
  })
  await hearing
  proxy.silence()
  const listening = heard(one, 'unheard')
  const checking = setInterval(one.notifications.check, 10)
  context.onTestFinished(() => clearInterval(checking))
  await listening
  clearInterval(checking)
  const hearingAgain = heard(one, 'other news')
  two.notifications.notify('other news')
  await hearingAgain
})
