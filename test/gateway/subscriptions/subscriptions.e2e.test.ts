import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Press, startPress } from './press.ts'
import { subscribe } from './subscriber.ts'

const PUBLISHED = 'subscription Published { published { id headline: title author { name } byline } }'
const answerFor = (id: string) => ({
  data: {
    published: {
      id,
      headline: `Title ${id}`,
      author: { name: `Author a${id}` },
      byline: `Title ${id} by a${id}`,
    },
  },
})

let press: Press
beforeAll(async () => {
  press = await startPress()
})
afterAll(() => press?.[Symbol.asyncDispose]())
beforeEach(async () => {
  await expect.poll(() => press.articles.topics.listening('published')).toBe(0)
  press.authors.seen.queries.length = 0
  press.articles.seen.subscriptions.length = 0
})

const listeners = (topic = 'published') => expect.poll(() => press.articles.topics.listening(topic))

describe('a subscription over two subgraphs', () => {
  it('gives each event with what the other subgraph knows, in the order of the events', async () => {
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listeners().toBe(1)
    for (const id of ['1', '2', '3']) press.publish(id)
    expect(await first).toEqual(answerFor('1'))
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(await subscriber.next()).toEqual(answerFor('3'))
    expect(press.authors.seen.queries).toHaveLength(3)
    expect(press.articles.seen.subscriptions).toEqual([
      expect.stringMatching(/^subscription Published__articles__0/),
    ])
  })
})
