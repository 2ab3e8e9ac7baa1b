import { expect, test } from 'vitest'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { event, eventually, write } from '#test/platform/event-store/fixtures.ts'
import { runTool } from '#test/tools/run-tool.ts'

const run = (url: string, ...args: string[]) => runTool('dead-letters.ts', args, { DATABASE_URL: url })
const tool = async (url: string, ...args: string[]) => (await run(url, ...args)).stdout.trim()

test('parked events are listed with their reason, and replayed', async () => {
  const url = await freshDatabase()
  await using store = await openPostgresEventStore({ url })
  let broken = true
  const consumer = await store.consume({
    name: 'views',
    attempts: 1,
    async handle() {
      if (broken) throw new Error('no such field')
    },
  })
  expect(await tool(url, 'list')).toBe('no dead letters')
  await store.append(write('order-1', 0, event('OrderPlaced'), event('OrderPaid')))
  await consumer.reached(2, 20_000)
  const listed = await tool(url, 'list', 'views')
  expect(listed).toMatch(
    /^views {2}1 {2}order-1 v1 {2}OrderPlaced {2}parked \S+\n {4}failed 1 times: .*no such field/,
  )
  expect(listed).toMatch(/\n {4}waits for position 1$/)
  broken = false
  expect(await tool(url, 'replay', 'views', '1')).toMatch(/^2 marked/)
  await eventually(() => expect(consumer.status().deadLetters).toBe(0))
  expect(await tool(url, 'replay', 'views')).toBe('views has no dead letters: nothing was changed')
})

test.each([[[]], [['list', 'views', 'more']], [['replay']], [['replay', 'views', 'first']], [['delete']]])(
  'invalid arguments are answered with the usage: %j',
  async args => {
    const url = await freshDatabase()
    expect(await run(url, ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('npm run dead-letters'),
    })
  },
)
