// Tests the seed data: every product can be shown, and the families among them can be joined.
import { readdir, readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { SEED_PRODUCTS } from '#start/seed-data.ts'
import { evolveFamily, joinFamily, noFamily } from '#subgraphs/inventory/domain/family.ts'

const PICTURES = new URL('../../bff-web/images/pictures/', import.meta.url)

it('every product has a description and a picture that is told as it looks', async () => {
  for (const { sku, description, picture, altText } of SEED_PRODUCTS) {
    expect(description.length, sku).toBeGreaterThan(40)
    const [, title] = /<title>(.*)<\/title>/.exec(await readFile(new URL(picture, PICTURES), 'utf8')) ?? []
    expect(altText, sku).toBe(title)
  }
})

it('every picture is of a product', async () => {
  expect([...new Set(SEED_PRODUCTS.map(({ picture }) => picture))].sort()).toEqual(
    (await readdir(PICTURES)).sort(),
  )
})

it('the variants of a family follow each other, and all of them may join it', () => {
  const families = Map.groupBy(
    SEED_PRODUCTS.filter(({ family }) => family !== undefined),
    ({ family = '' }) => family,
  )
  expect(families.size).toBeGreaterThan(2)
  for (const [family, members] of families) {
    const first = SEED_PRODUCTS.findIndex(product => product.family === family)
    expect(SEED_PRODUCTS.slice(first, first + members.length)).toEqual(members)
    const joined = members.reduce((state, { sku, options = [] }) => {
      const decided = joinFamily(state, { family, sku, options })
      return 'accepted' in decided ? decided.accepted.reduce(evolveFamily, state) : state
    }, noFamily)
    expect(joined.members.map(({ sku }) => sku)).toEqual(members.map(({ sku }) => sku))
  }
})
