import { expect, test } from 'vitest'
import { bffLiveSchema } from '#bff/live-settings.ts'
import * as mobilePages from '#bff-mobile/resolvers/pages.ts'
import * as orderPages from '#bff-web/resolvers/order-pages.ts'
import * as productPages from '#bff-web/resolvers/product-pages.ts'
import { gatewayLiveSchema } from '#gateway/live-settings.ts'
import { adjustmentSchema, liveSettingsSchema } from '#platform/config/live-settings.ts'
import { codeWords, firstColumn, readPage, sectionOf } from './pages.ts'

const page = readPage('docs/reference/live-settings.md')
const web = [...Object.values(orderPages), ...Object.values(productPages)].map(({ name }) => name)
const mobile = Object.values(mobilePages).map(({ name }) => name)

/** Returns the path of each setting, such as `dependencies.NAME.breaker.threshold`. */
const adjustments = Object.keys(adjustmentSchema.shape).flatMap(name =>
  name === 'breaker'
    ? Object.keys(adjustmentSchema.shape.breaker.unwrap().shape).map(option => `breaker.${option}`)
    : name,
)

test('the reference of live settings names every setting, and no others', () => {
  const expected = (section: string) => firstColumn(sectionOf(page, section)).sort()
  expect(expected('Every service')).toEqual(
    Object.keys(liveSettingsSchema([]).omit({ dependencies: true }).shape),
  )
  expect(expected('Orders, payment, shipping and the BFFs')).toEqual(
    adjustments.map(name => `dependencies.NAME.${name}`).sort(),
  )
  expect(new Set(expected('Gateway').map(name => name.split('.')[0]))).toEqual(
    new Set(Object.keys(gatewayLiveSchema.omit({ logLevel: true }).shape)),
  )
})

test('it names the pages that a BFF caches, and no others', () => {
  const named = codeWords(sectionOf(page, 'BFFs').split('PAGE is')[1]?.split('```')[0] ?? '')
  expect([...new Set(named)].sort()).toEqual([...new Set([...web, ...mobile])].sort())
})

test('its examples are accepted', () => {
  const [bff, gateway] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) =>
    JSON.parse(text),
  )
  expect(bffLiveSchema(web).safeParse(bff).error).toBeUndefined()
  expect(bffLiveSchema(mobile).safeParse(bff).error).toBeUndefined()
  expect(gatewayLiveSchema.safeParse(gateway).error).toBeUndefined()
})
