// Tests that an import takes descriptions, pictures and variants of products.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { startScriptedBff } from '#test/tools/import/scripted-bff.ts'
import { readMapping } from '#tools/import/mapping.ts'
import { type Plan, planImport } from '#tools/import/plan.ts'
import { addProducts } from '#tools/import/replay.ts'
import { readTables } from '#tools/import/tables.ts'
import { createWebClient } from '#tools/import/web-client.ts'

const NORTHWIND = path.join(import.meta.dirname, 'northwind')
const SHIPPED = new URL('../../../tools/import/mappings/northwind.json', import.meta.url)

const COLUMNS = 'text,picture,picture_width,picture_height,alt,back,family,size'
const SHOWN = {
  description: 'text',
  images: [
    { url: 'picture', width: 'picture_width', height: 'picture_height', altText: 'alt' },
    { url: 'back', width: { value: '100' }, height: { value: '200' } },
  ],
  family: 'family',
  options: { Size: 'size', Kind: { value: 'food' } },
}

/** Returns the plan of the northwind files whose two products have these further columns. */
async function planOf(first: string, second: string, changes: object = {}): Promise<Plan> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-import-'))
  try {
    await cp(NORTHWIND, folder, { recursive: true })
    const [head, ...rows] = (await readFile(path.join(folder, 'products.csv'), 'utf8')).trim().split('\n')
    const lines = [`${head},${COLUMNS}`, `${rows[0]},${first}`, `${rows[1]},${second}`]
    await writeFile(path.join(folder, 'products.csv'), `${lines.join('\n')}\n`)
    const shipped = JSON.parse(await readFile(SHIPPED, 'utf8'))
    const products = { ...shipped.products, ...SHOWN, ...changes }
    await writeFile(path.join(folder, 'shop.json'), JSON.stringify({ ...shipped, products }))
    const mapping = await readMapping(path.join(folder, 'shop.json'))
    return planImport(await readTables(folder, mapping), mapping)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('a product has what its row has, and nothing where the row is empty', async () => {
  const plan = await planOf(
    '"Blue.\nStrong.",https://img.example/cheese.jpg,800,600,A cheese,/images/back.svg,queso,M',
    ',,,,,,,',
  )
  expect(plan.rejects).toEqual([])
  expect(plan.products.map(({ shown }) => shown)).toEqual([
    {
      description: 'Blue.\nStrong.',
      images: [
        { url: 'https://img.example/cheese.jpg', width: 800, height: 600, altText: 'A cheese' },
        { url: '/images/back.svg', width: 100, height: 200, altText: 'Queso Cabrales' },
      ],
      family: 'queso',
      options: [
        { name: 'Size', value: 'M' },
        { name: 'Kind', value: 'food' },
      ],
    },
    {},
  ])
})

test.each([
  ['picture: expected an http or https URL', ',ftp://img.example/a.jpg,1,1,,,,'],
  ['picture_width: expected a whole number from 1 to 10000', ',/images/a.svg,0,1,,,,'],
  ['family: expected 1 to 64 letters', ',,,,,,my family,M'],
  ['text: has 5001 characters', `${'x'.repeat(5001)},,,,,,,`],
])('a row is rejected by name: %s', async (reason, row) => {
  const plan = await planOf(row, ',,,,,,,')
  expect(plan.rejects.map(reject => `${reject.file}:${reject.line} ${reject.reason}`)).toContainEqual(
    expect.stringContaining(`products.csv:2 ${reason}`),
  )
})

test('a mapping with options and without a family is refused', async () => {
  await expect(planOf(',,,,,,,', ',,,,,,,', { family: undefined })).rejects.toMatchObject({
    code: 'MAPPING_INVALID',
    message: expect.stringContaining('both a family and options'),
  })
})

test('the variants of a family are added in the order of the file', async () => {
  const plan = await planOf(',,,,,,queso,M', 'Noodles.,,,,,,queso,L')
  let asked = 0
  await using bff = await startScriptedBff(() =>
    asked++ === 0 ? { code: 'UNAVAILABLE' } : { data: { addProduct: { __typename: 'ProductChanged' } } },
  )
  await using web = createWebClient({
    url: bff.url,
    token: async () => 'token',
    connections: 4,
    patienceMs: 2_000,
  })
  const replay = { web, source: 'northwind', currency: 'USD', width: 4, since: Date.now() }
  const failures = await addProducts(replay, plan.products, { step: () => {}, end: () => {} })
  expect(failures).toEqual(new Map())
  const skus = bff.requests.map(({ variables }) => Object(variables.input).sku)
  expect(skus).toEqual(['NW-11', 'NW-11', 'NW-42'])
  expect(bff.requests.at(-1)?.variables.input).toMatchObject({ description: 'Noodles.', family: 'queso' })
})
