import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { storedName } from '#platform/read-models/collection-names.ts'
import {
  FOLDING_VERSION,
  foldQuery,
  foldTerms,
  foldText,
  foldWords,
} from '#platform/read-models/search-terms.ts'

/** What is stored, what people type for it, and the words that both are. */
const SAME: readonly [stored: string, typed: string, words: readonly string[]][] = [
  ['José-Luis ÅNGSTRÖM', 'jose luis angstrom', ['jose', 'luis', 'angstrom']],
  ['Łukasz Żółciński', 'LUKASZ zolcinski', ['lukasz', 'zolcinski']],
  ['Søren Kjærgård', 'Soren Kjaergard', ['soren', 'kjaergard']],
  ['Grete Großmann', 'GRETE GROSSMANN', ['grete', 'grossmann']],
  ['GROẞMANN', 'Grossmann', ['grossmann']],
  ['Aydın Yıldız', 'AYDIN YILDIZ', ['aydin', 'yildiz']],
  ['İstanbul', 'istanbul', ['istanbul']],
  ['Đorđe Þór', 'dorde thor', ['dorde', 'thor']],
  ['ＴＯＭＡＳ Ｋ', 'Tomas k', ['tomas', 'k']],
  ['ﬁne œuvre ĳs', 'fine oeuvre ijs', ['fine', 'oeuvre', 'ijs']],
  ['Οδυσσεύς', 'ΟΔΥΣΣΕΥΣ', ['οδυσσευσ']],
  ['Артём Йодов', 'артем иодов', ['артем', 'иодов']],
  ['שָׁלוֹם', 'שלום', ['שלום']],
  ['مُحَمَّد', 'محمد', ['محمد']],
  ['co\u00adop\u200dera\ufe0ftion', 'cooperation', ['cooperation']],
  ['℡ Ⅷ ①', 'tel viii 1', ['tel', 'viii', '1']],
  ['ord_0190-AB', 'ORD 0190 ab', ['ord', '0190', 'ab']],
]

describe('folding', () => {
  test.each(SAME)('makes the same words of %j and %j', (stored, typed, words) => {
    expect(foldWords(stored)).toEqual(words)
    expect(foldWords(typed)).toEqual(words)
  })

  test.each([
    ['किताब', 'कताब'],
    ['হিন্দি', 'হন্দ'],
    ['กี่', 'กิ'],
    ['がき', 'かき'],
    ['パリ', 'ハリ'],
  ])('keeps apart %s and %s, whose signs are no accents', (one, other) => {
    expect(foldWords(one)).toEqual([one.normalize('NFC')])
    expect(foldWords(one)).not.toEqual(foldWords(other))
  })

  test('finds no word in symbols', () => {
    for (const text of ['', ' ', '%', "'", '—', '🦄', '👨‍👩‍👧', '\0', '\ud800', '\u0301', '.*&|!():'])
      expect(foldWords(text)).toEqual([])
  })

  test('does not tell any letter from its upper case, lower case, composed or folded form', () => {
    const told: string[] = []
    for (let code = 0; code <= 0x10ffff; code++) {
      const character = String.fromCodePoint(code)
      if (!/[[\p{L}\p{M}\p{N}]--[\p{Ideographic}\p{sc=Hangul}]]/v.test(character)) continue
      const folded = foldText(character)
      const forms = [
        character.toUpperCase(),
        character.toLowerCase(),
        character.normalize('NFD'),
        character.normalize('NFKC'),
        folded,
      ]
      if (forms.some(form => foldText(form) !== folded)) told.push(`U+${code.toString(16)}`)
    }
    expect(told).toEqual([])
  })

  test('gives words that a quoted lexeme and a regular expression hold as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        for (const word of foldWords(text)) expect(word).toMatch(/^[\p{L}\p{N}\p{M}]{1,200}$/u)
      }),
    )
  })

  test('is pinned: whoever changes what it gives raises FOLDING_VERSION and this test', () => {
    const folded = SAME.map(([stored]) => foldText(stored)).join('|')
    expect({ FOLDING_VERSION, folded }).toEqual({
      FOLDING_VERSION: 2,
      folded:
        'jose-luis angstrom|lukasz zolcinski|soren kjaergard|grete grossmann|grossmann|aydin yildiz|istanbul|' +
        'dorde thor|tomas k|fine oeuvre ijs|οδυσσευσ|артем иодов|שלום|محمد|cooperation|tel viii 1|ord_0190-ab',
    })
  })
})

test('the stored name of a collection with terms changes with the folding, so that it is filled anew', () => {
  const definition = { name: 'things', version: 3, indexes: [] }
  expect(storedName(definition)).toBe('things_v3')
  expect(storedName({ ...definition, terms: () => [] })).toBe(`things_v3_f${FOLDING_VERSION}`)
})

test('terms are distinct, and at most 1,000; a query takes at most 32 words', () => {
  const many = Array.from({ length: 1_500 }, (_, n) => `w${n}`)
  expect(foldTerms(['Mug', 'MUG', ...many])).toHaveLength(1_000)
  expect(foldQuery('Größe grosse')).toEqual(['grosse'])
  expect(() => foldQuery(many.slice(0, 33).join(' '))).toThrow('at most 32 words; this one has 33')
})
