import { describe, expect, it, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { sourceOf } from '#gateway/subscriptions/settings.ts'
import { resolveEndpoint } from '#gateway/subscriptions/subscription-plan.ts'

const ADDRESS = 'https://user:pass@reviews:4001/graphql?key=1'

function placeIn(subscriptions: object, addresses = [ADDRESS]) {
  return resolveEndpoint(sourceOf(readSettings({ subscriptions }).subscriptions, 'reviews'), () => addresses)
}

describe('where a subgraph is subscribed to', () => {
  test.each([
    [
      'is where it is asked, by WebSocket, when nothing is set',
      {},
      'ws',
      'wss://user:pass@reviews:4001/graphql?key=1',
    ],
    [
      'is at another path of its host',
      { everySubgraph: { path: '/ws' } },
      'ws',
      'wss://user:pass@reviews:4001/ws',
    ],
    [
      'is by event stream for one of them',
      { subgraphs: { reviews: { protocol: 'sse', path: '/graphql/stream' } } },
      'sse',
      'https://user:pass@reviews:4001/graphql/stream',
    ],
    [
      'is at an address of its own',
      { everySubgraph: { path: '/ws' }, subgraphs: { reviews: { url: 'http://live/there' } } },
      'ws',
      'ws://live/there',
    ],
    [
      'keeps the path of its own when all have another',
      { everySubgraph: { path: '/a' }, subgraphs: { reviews: { path: '/b' } } },
      'ws',
      'wss://user:pass@reviews:4001/b',
    ],
  ])('%s', (_, subscriptions, protocol, url) => {
    expect(placeIn(subscriptions)).toEqual({ protocol, urls: [url] })
  })

  it('is each of its instances', () => {
    expect(placeIn({}, ['http://a/graphql', 'http://b/graphql']).urls).toEqual([
      'ws://a/graphql',
      'ws://b/graphql',
    ])
  })

  it('is not taken from settings that make no sense', () => {
    for (const source of [{ protocol: 'tcp' }, { url: 'ftp://x' }, { path: 'relative' }, { pth: '/x' }])
      expect(() => placeIn({ subgraphs: { reviews: source } })).toThrow('subscriptions.subgraphs.reviews')
  })
})
