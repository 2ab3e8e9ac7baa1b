import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redact } from '#platform/telemetry/logger.ts'
import { recordingLogger } from './recording-logger.ts'

const TOKEN = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl'

describe('the logger', () => {
  it('writes JSON lines with the service, a time and the level by name', () => {
    const { logger, entries } = recordingLogger()
    logger.warn({ order: 'ord_1' }, 'late')
    expect(entries()).toEqual([
      { level: 'warn', time: expect.stringMatching(/Z$/), service: 'test', order: 'ord_1', msg: 'late' },
    ])
  })

  it('logs an error with its cause', () => {
    const { logger, lines } = recordingLogger()
    logger.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed')
    expect(lines[0]).toContain('outer')
    expect(lines[0]).toContain('inner')
  })

  it('redacts tokens, card numbers, passwords and addresses wherever they occur', () => {
    const { logger, lines } = recordingLogger()
    logger.info(
      {
        request: { headers: { authorization: `Bearer ${TOKEN}` } },
        order: {
          deliveryAddress: { name: 'Ada', line1: '1 Byron Row' },
          customer: { email: 'ada@example.org' },
        },
        tenders: [{ kind: 'CARD', token: 'tok_visa' }],
        url: 'postgres://waybill:hunter2@db/orders',
      },
      `paid with 4111 1111 1111 1111 and ${TOKEN}`,
    )
    const [line = ''] = lines
    for (const secret of [TOKEN, 'Byron', 'ada@example.org', 'tok_visa', 'hunter2', '4111'])
      expect(line).not.toContain(secret)
    expect(JSON.parse(line)).toMatchObject({ tenders: [{ kind: 'CARD' }] })
  })
})

describe('redact', () => {
  it('does not change numbers that are not card numbers', () => {
    const line =
      '{"at":1700000000001,"position":12345678901234,"id":"ord_0190a5b2-7c3d-7abc-8123-456789012345"}'
    expect(redact(line)).toBe(line)
  })

  it('keeps the line valid JSON, whatever numbers are in it', () => {
    const redactable = fc.record({
      pauseMs: fc.double({ noDefaultInfinity: true, noNaN: true }),
      token: fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), fc.maxSafeInteger()),
      fraction: fc.bigInt(10n ** 12n, 10n ** 19n).map(digits => Number(`0.${digits}`)),
      paid: fc.constant(4111111111111111),
      text: fc.string(),
    })
    fc.assert(
      fc.property(redactable, values => {
        const { pauseMs, fraction } = JSON.parse(JSON.stringify(values))
        expect(JSON.parse(redact(JSON.stringify(values)))).toMatchObject({
          pauseMs,
          token: '[redacted]',
          fraction,
          paid: '[redacted]',
        })
      }),
    )
  })

  it('keeps the line valid JSON, whatever the sensitive value was', () => {
    const line = JSON.stringify({
      token: 'a "quoted" \\ one',
      address: { city: 'X' },
      card: 4111,
      list: ['x'],
    })
    expect(JSON.parse(redact(line))).toEqual({
      token: '[redacted]',
      address: '[redacted]',
      card: '[redacted]',
      list: ['x'],
    })
  })
})
