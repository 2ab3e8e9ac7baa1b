import { describe, expect, it } from 'vitest'
import { signWebhook, verifyWebhook } from '#platform/webhooks/signature.ts'

const SECRET = 'whsec_test'
const BODY = '{"id":"evt_1"}'
const NOW = new Date('2026-01-31T12:00:00Z')
const signed = (body = BODY, secret = SECRET, at = NOW) => ({
  'waybill-signature': signWebhook(secret, body, at),
})
const verify = (headers: Record<string, string | string[]>, body: string = BODY, now = NOW) =>
  verifyWebhook(SECRET, { headers, rawBody: body }, now)
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000)

describe('a webhook signature', () => {
  it('holds for the body that was signed, as text and as bytes', () => {
    expect(() => verify(signed())).not.toThrow()
    expect(() => verifyWebhook(SECRET, { headers: signed(), rawBody: Buffer.from(BODY) }, NOW)).not.toThrow()
  })

  it('has the documented form', () => {
    expect(signed()['waybill-signature']).toMatch(/^t=1769860800,v1=[0-9a-f]{64}$/)
  })

  it('does not hold for another body, secret or time', () => {
    expect(() => verify(signed(), '{"id":"evt_2"}')).toThrow('does not match')
    expect(() => verify(signed(BODY, 'other'))).toThrow('does not match')
    const moved = signed()['waybill-signature'].replace('t=1769860800', 't=1769860801')
    expect(() => verify({ 'waybill-signature': moved })).toThrow('does not match')
  })

  it('holds for five minutes either way, and no longer', () => {
    for (const seconds of [-300, 300]) expect(() => verify(signed(), BODY, later(seconds))).not.toThrow()
    for (const seconds of [-301, 301]) expect(() => verify(signed(), BODY, later(seconds))).toThrow('300 s')
  })

  it.each([
    {},
    { 'waybill-signature': '' },
    { 'waybill-signature': 't=1,v1=xyz' },
    { 'waybill-signature': ['a', 'b'] },
  ])('is refused as UNAUTHENTICATED when it is missing or malformed: %j', headers => {
    expect(() => verify(headers as Record<string, string>)).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    )
  })
})
