import { describe, expect, it, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { sourceOf } from '#gateway/subscriptions/settings.ts'
import { resolveEndpoint } from '#gateway/subscriptions/subscription-plan.ts'

const ADDRESS = 'https://user:pass@reviews:4001/graphql?key=1'

function placeIn(subscriptions: object, addresses = [ADDRESS]) {
  return resolveEndpoint(sourceOf(readSettings({ subscriptions }).subscriptions, 'reviews'), () => addresses)
}

describe('the subscription address of a subgraph', () => {
  test.each([
    ['is its query URL over WebSocket by default', {}, 'ws', 'wss://user:pass@reviews:4001/graphql?key=1'],
    [
      'may have another path on the same host',
      { everySubgraph: { path: '/ws' } },
      'ws',
      'wss://user:pass@reviews:4001/ws',
    ],
    [
      'may be an event stream for one subgraph',
      { subgraphs: { reviews: { protocol: 'sse', path: '/graphql/stream' } } },
      'sse',
      'https://user:pass@reviews:4001/graphql/stream',
    ],
    [
      'may be a URL of its own',
      { everySubgraph: { path: '/ws' }, subgraphs: { reviews: { url: 'http://live/there' } } },
      'ws',
      'ws://live/there',
    ],
    [
      'keeps its own path when every subgraph has another',
      { everySubgraph: { path: '/a' }, subgraphs: { reviews: { path: '/b' } } },
      'ws',
      'wss://user:pass@reviews:4001/b',
    ],
  ])('%s', (_, subscriptions, protocol, url) => {
    expect(placeIn(subscriptions)).toEqual({ protocol, urls: [url] })
  })

  it('is that of each of its instances', () => {
    expect(placeIn({}, ['http://a/graphql', 'http://b/graphql']).urls).toEqual([
      'ws://a/graphql',
      'ws://b/graphql',
    ])
  })

  it('is refused when its settings are invalid', () => {
    for (const source of [{ protocol: 'tcp' }, { url: 'ftp://x' }, { path: 'relative' }, { pth: '/x' }])
      expect(() => placeIn({ subgraphs: { reviews: source } })).toThrow('subscriptions.subgraphs.reviews')
  })
})
