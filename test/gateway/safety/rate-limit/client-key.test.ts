import { describe, expect, test } from 'vitest'
import { clientKey } from '#gateway/safety/rate-limit/client-key.ts'

const keyOf = (client: Partial<Parameters<typeof clientKey>[0]>, header?: string) =>
  clientKey({ headers: {}, subject: undefined, address: undefined, ...client }, header)

describe('the key of a client', () => {
  test('is the subject of its token, whatever its address', () => {
    expect(keyOf({ subject: 'ann', address: '1.2.3.4' })).toBe(keyOf({ subject: 'ann', address: '5.6.7.8' }))
    expect(keyOf({ subject: 'ann' })).not.toBe(keyOf({ subject: 'bob' }))
  })

  test('is its address when it has no token', () => {
    expect(keyOf({ address: '1.2.3.4' })).not.toBe(keyOf({ address: '1.2.3.5' }))
    expect(keyOf({ address: '::ffff:1.2.3.4' })).toBe(keyOf({ address: '1.2.3.4' }))
  })

  test('is its /64 network with IPv6', () => {
    expect(keyOf({ address: '2001:db8:1:2:aaaa::1' })).toBe(keyOf({ address: '2001:0db8:1:2::ff' }))
    expect(keyOf({ address: '2001:db8:1:2::1' })).not.toBe(keyOf({ address: '2001:db8:1:3::1' }))
    expect(keyOf({ address: '::1' })).toBe(keyOf({ address: '0:0:0:0::2' }))
  })

  test('is the value of the configured header when the request has one', () => {
    const headers = { 'x-app': 'shop' }
    expect(keyOf({ headers, subject: 'ann' }, 'x-app')).toBe(keyOf({ headers, subject: 'bob' }, 'x-app'))
    expect(keyOf({ headers, subject: 'ann' })).toBe(keyOf({ subject: 'ann' }))
    expect(keyOf({ subject: 'ann' }, 'x-app')).toBe(keyOf({ subject: 'ann' }))
  })

  test('cannot equal a key of another kind', () => {
    expect(keyOf({ subject: '1.2.3.4' })).not.toBe(keyOf({ address: '1.2.3.4' }))
  })
})
