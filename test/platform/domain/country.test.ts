// Which codes are countries: those of ISO 3166-1, and no others that look like one; and which have postal codes.
import { expect, test } from 'vitest'
import { hasPostalCodes, isCountry } from '#platform/domain/country.ts'

const NAMES = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
const codes = LETTERS.flatMap(first => LETTERS.map(second => `${first}${second}`))

test('the officially assigned codes and Kosovo are countries, and each has a name', () => {
  const countries = codes.filter(isCountry)
  expect(countries).toHaveLength(250)
  expect(countries.filter(code => NAMES.of(code) === undefined)).toEqual([])
})

test.each(['UK', 'EU', 'EZ', 'UN', 'ZZ', 'XA', 'YU', 'SU', 'DD', 'AN', 'CS', 'AC', 'IC', 'QO'])(
  'a code that is reserved, withdrawn or for a group is none: %s',
  code => expect(isCountry(code)).toBe(false),
)

test.each(['', 'de', 'De', 'DEU', 'D', ' DE', 'ÄÖ', 'toString'])('what is no code is none: %j', code =>
  expect(isCountry(code)).toBe(false),
)

test.each(['US', 'DE', 'GB', 'BR', 'JP', 'IN', 'AX', 'IE', 'SG'])('%s has postal codes', country => {
  expect(hasPostalCodes(country)).toBe(true)
})

test.each(['HK', 'MO', 'AE', 'PA', 'QA', 'JM', 'GH', 'UG', 'BO', 'FJ'])('%s has none', country => {
  expect(hasPostalCodes(country)).toBe(false)
})
