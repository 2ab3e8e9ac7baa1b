import { expect, test } from 'vitest'
import { graphqlUrl, readAddresses } from '#platform/discovery/addresses.ts'

test('an address stands for one instance of weight 1', () => {
  expect(readAddresses('http://a:4101/graphql?x=1')).toEqual({
    kind: 'instances',
    instances: [{ url: 'http://a:4101/graphql?x=1', weight: 1 }],
  })
})

test('several addresses are separated by |, and may have weights', () => {
  expect(readAddresses('http://a/graphql#weight=2.5 | https://b/graphql')).toEqual({
    kind: 'instances',
    instances: [
      { url: 'http://a/graphql', weight: 2.5 },
      { url: 'https://b/graphql', weight: 1 },
    ],
  })
})

test('a name is looked up, with the path and the port that follow it', () => {
  expect(readAddresses('service://orders/graphql?x=1')).toEqual({
    kind: 'service',
    service: { name: 'orders', port: undefined, path: '/graphql?x=1' },
  })
  expect(readAddresses('service://orders:4101/graphql')).toMatchObject({ service: { port: 4101 } })
})

test.each([
  ['nothing', ''],
  ['no URL', 'orders:4101'],
  ['another scheme', 'ftp://a/'],
  ['an empty place in a list', 'http://a/|'],
  ['the same one twice', 'http://a/|http://a/#weight=2'],
  ['a name in a list', 'http://a/|service://b/'],
  ['a weight of nothing', 'http://a/#weight=0'],
  ['a fragment that is no weight', 'http://a/#top'],
  ['no name', 'service:///graphql'],
])('%s is refused, and the error says what the variable should hold', (_what, text) => {
  expect(readAddresses(text)).toBeUndefined()
  expect(graphqlUrl.safeParse(text).success).toBe(false)
})
