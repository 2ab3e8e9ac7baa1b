import { describe, expect, test } from 'vitest'
import { readSettings, settingsOf } from '#gateway/settings.ts'
import { compileHeaderRules } from '#gateway/transport/header-rules.ts'

const BASE = {
  shared: { authorization: 'Bearer t' },
  own: { 'x-request-id': 'req-1' },
  key: 'as it was',
}

/** Returns the headers that are sent for `incoming` under `rules`, which are parsed like the settings file. */
function applied(rules: readonly object[], incoming: Record<string, string | string[]> = {}) {
  const { headers } = settingsOf(readSettings({ everySubgraph: { headers: rules } }), 'any')
  return compileHeaderRules(headers)({ ...BASE, incoming })
}

test('an empty list of rules applies nothing', () => {
  const forwarded = { ...BASE, incoming: {} }
  expect(compileHeaderRules([])(forwarded)).toBe(forwarded)
})

describe('a rule', () => {
  test('propagates a header by its name in any case, and nothing when the client sent none', () => {
    const rules = [{ propagate: 'X-Tenant' }]
    expect(applied(rules, { 'x-tenant': 'acme' }).shared).toEqual({ ...BASE.shared, 'x-tenant': 'acme' })
    expect(applied(rules, { 'x-other': 'a' }).shared).toEqual(BASE.shared)
  })

  test('renames what it propagates, and fills in a default', () => {
    const rules = [{ propagate: 'x-tenant', as: 'x-org', default: 'none' }]
    expect(applied(rules, { 'x-tenant': 'acme' }).shared).toEqual({ ...BASE.shared, 'x-org': 'acme' })
    expect(applied(rules).shared).toEqual({ ...BASE.shared, 'x-org': 'none' })
  })

  test('joins a header that was sent several times', () => {
    expect(applied([{ propagate: 'x-a' }], { 'x-a': ['1', '2'] }).shared).toMatchObject({ 'x-a': '1, 2' })
  })

  test('propagates by pattern, except headers that are for the gateway alone', () => {
    const sent = {
      'x-app-a': '1',
      'x-other': '2',
      connection: 'close',
      'content-length': '5',
      host: 'h',
      te: 't',
      'waybill-client': 'address 10.0.0.1',
      'waybill-forwarder': 'token of a BFF',
    }
    expect(applied([{ propagateMatching: '^x-app-' }], sent).shared).toEqual({
      ...BASE.shared,
      'x-app-a': '1',
    })
    expect(applied([{ propagateMatching: '.' }], sent).shared).toEqual({
      ...BASE.shared,
      'x-app-a': '1',
      'x-other': '2',
    })
  })

  test('sets a header, whatever the client sent', () => {
    const rules = [{ propagateMatching: '^x-' }, { set: 'x-from', value: 'gateway' }]
    expect(applied(rules, { 'x-from': 'elsewhere' }).shared).toMatchObject({ 'x-from': 'gateway' })
  })

  test('removes what the gateway would forward, by name and by pattern', () => {
    expect(applied([{ remove: 'Authorization' }]).shared).toEqual({})
    expect(applied([{ removeMatching: '^(auth|x-req)' }])).toMatchObject({ shared: {}, own: {} })
  })

  test('applies after the rules before it', () => {
    expect(applied([{ set: 'x-a', value: '1' }, { remove: 'x-a' }]).shared).toEqual(BASE.shared)
    expect(applied([{ remove: 'x-a' }, { set: 'x-a', value: '1' }]).shared).toMatchObject({ 'x-a': '1' })
  })
})

test('only callers with equal headers share a query, whatever traces they belong to', () => {
  const rules = [{ propagate: 'x-tenant' }, { propagate: 'baggage' }, { propagate: 'x-correlation-id' }]
  const key = (incoming: Record<string, string>) => applied(rules, incoming).key
  expect(key({ 'x-tenant': 'a' })).not.toBe(key({ 'x-tenant': 'b' }))
  expect(key({ 'x-tenant': 'a', baggage: '1' })).toBe(key({ 'x-tenant': 'a', baggage: '2' }))
  expect(applied(rules, { baggage: '1', 'x-correlation-id': '2' }).own).toEqual({
    ...BASE.own,
    baggage: '1',
    'x-correlation-id': '2',
  })
})

test("a subgraph's rules come after those for every subgraph", () => {
  const settings = readSettings({
    everySubgraph: { headers: [{ set: 'x-a', value: 'every' }] },
    subgraphs: { one: { headers: [{ remove: 'x-a' }] } },
  })
  expect(settingsOf(settings, 'one').headers).toEqual([{ set: 'x-a', value: 'every' }, { remove: 'x-a' }])
  expect(settingsOf(settings, 'other').headers).toEqual([{ set: 'x-a', value: 'every' }])
})

test.each([
  ['a header that only the gateway may set', { propagate: 'Content-Length' }],
  ['an invalid name', { set: 'x y', value: 'a' }],
  ['a value that would begin another header', { set: 'x-a', value: 'a\r\nx-b: c' }],
  ['an invalid pattern', { removeMatching: '(' }],
  ['a rule that does two things', { set: 'x-a', value: '1', remove: 'x-b' }],
])('settings are refused with %s', (_what, rule) => {
  expect(() => readSettings({ everySubgraph: { headers: [rule] } })).toThrow(/everySubgraph\.headers\.0/)
})
