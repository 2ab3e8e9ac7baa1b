import { expect, it, vi } from 'vitest'
import type { Pages } from '#bff/pages/pages.ts'
import { mutations } from '#bff-web/resolvers/mutations.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

async function pagesCachedAfter(product: { readonly sku: string; readonly family: string | null }) {
  const put = vi.fn()
  const command = async () => ({ changePrice: { __typename: 'ProductChanged', product } })
  const { changePrice } = mutations({ command, put } as unknown as Pages)
  const input = { idempotencyKey: 'key', sku: product.sku, price: { amount: '1.00', currency: 'EUR' } }
  if (typeof changePrice === 'function')
    await changePrice({}, { input }, {} as RequestContext, {} as Parameters<typeof changePrice>[3])
  return put.mock.calls.map(([{ name }]) => name)
}

it('caches the page of a product that was changed', async () => {
  expect(await pagesCachedAfter({ sku: 'mug', family: null })).toEqual(['product'])
})

it('caches no page with other variants, which the view may show as they were before the command', async () => {
  expect(await pagesCachedAfter({ sku: 'mug-red', family: 'mug' })).toEqual([])
})
