import { describe, expect, test } from 'vitest'
import { readSettings, settingsOf } from '#gateway/settings.ts'
import { headerRule } from '#gateway/transport/header-rules.ts'
import { replyHeaderRule } from '#gateway/transport/reply-headers.ts'
import { subgraphSchema } from '#gateway/transport/settings.ts'
import { readPage } from '#test/docs/pages.ts'

const page = readPage('docs/reference/gateway.md')

describe('the reference', () => {
  test('lists every setting of a subgraph', () => {
    const named = [...page.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name]) => name)
    const missing = Object.keys(subgraphSchema.shape).filter(
      key => !named.some(name => name === key || name?.startsWith(`${key}.`)),
    )
    expect(missing).toEqual([])
  })

  test('shows the actual defaults', () => {
    const defaults: Readonly<Record<string, unknown>> = settingsOf(readSettings({}), 'any')
    const [, table = ''] = page.split('Of a subgraph:')
    const shown = [...(table.split('\n## ')[0] ?? '').matchAll(/^\| `(\w+)` \| `?([^|`]+?)`? \|/gm)].filter(
      ([, name = '']) => name in defaults,
    )
    expect(shown.length).toBeGreaterThan(8)
    for (const [, name = '', text] of shown)
      expect(`${name} ${text}`).toBe(
        `${name} ${typeof defaults[name] === 'object' ? JSON.stringify(defaults[name]) : defaults[name]}`,
      )
  })

  test('shows valid header rules', () => {
    const rules = [...page.matchAll(/`(\{ "(?:propagate|set|remove)[^`]*\})`/g)].map(([, rule = '']) => rule)
    expect(rules.length).toBeGreaterThan(4)
    for (const rule of rules) expect(headerRule.safeParse(JSON.parse(rule)).success, rule).toBe(true)
    const [, back = ''] = /`\[(\{ "propagate": "x-served-by"[^`]*\})\]`/.exec(page) ?? []
    expect(replyHeaderRule.safeParse(JSON.parse(back)).success).toBe(true)
  })

  test('shows instances in a form that the settings accept', () => {
    const [, example = ''] = /`("subgraphs": \{ "reviews": \{ "urls": [^`]*)`/.exec(page) ?? []
    const { urls } = settingsOf(readSettings(JSON.parse(`{${example}}`)), 'reviews')
    expect(urls).toEqual([
      { url: 'http://a/graphql', weight: 1 },
      { url: 'http://b/graphql', weight: 2 },
    ])
  })
})

test('a setting of one subgraph leaves its other settings at those of every subgraph', () => {
  const settings = readSettings({
    everySubgraph: { retries: 5, timeoutMs: 100 },
    subgraphs: { one: { timeoutMs: 200 } },
  })
  expect(settingsOf(settings, 'one')).toMatchObject({ retries: 5, timeoutMs: 200 })
  expect(settingsOf(settings, 'other')).toMatchObject({ retries: 5, timeoutMs: 100 })
})

test('instances can be set for one subgraph only, not for every subgraph', () => {
  expect(() => readSettings({ everySubgraph: { urls: ['http://a/'] } })).toThrow(/everySubgraph/)
})
