import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Liar, saysJson, startLiar } from './liar.ts'
import { connectTo, from, query } from './one-subgraph.ts'

let liar: Liar
beforeAll(async () => {
  liar = await startLiar()
})
afterAll(() => liar?.[Symbol.asyncDispose]())
beforeEach(() => {
  liar.asked.length = 0
  liar.lie(saysJson({ data: { newestQuote: 'A classic.' } }))
})

describe('header rules', () => {
  const RULES = {
    headers: [{ propagate: 'x-tenant' }, { propagate: 'baggage' }, { set: 'x-from', value: 'gateway' }],
  }

  test('decide what a subgraph sees', async () => {
    await using subgraph = connectTo(liar.url, RULES)
    await subgraph.ask(query(), from({ 'x-tenant': 'acme', cookie: 'a=b' }))
    expect(liar.asked[0]?.headers).toMatchObject({ 'x-tenant': 'acme', 'x-from': 'gateway' })
    expect(liar.asked[0]?.headers).not.toHaveProperty('cookie')
  })

  test('keep equal queries apart whose headers differ, and no others', async () => {
    await using subgraph = connectTo(liar.url, RULES)
    const ask = (tenant: string, baggage: string) =>
      subgraph.ask(query(), from({ 'x-tenant': tenant, baggage }))
    await Promise.all([ask('a', '1'), ask('a', '2'), ask('b', '1')])
    expect(liar.asked.map(({ headers }) => headers['x-tenant'])).toEqual(['a', 'b'])
  })
})
