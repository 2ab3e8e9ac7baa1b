// Folds text into search words, for documents and for queries alike.
import { deburr } from 'es-toolkit/string'
import { CallerError } from '#platform/domain/errors.ts'

/**
 * Raise it with every change of what `foldText` or `foldWords` returns. The stored name of a collection with terms
 * contains it, so that documents that were folded differently are never searched: the view is filled anew from the log.
 */
export const FOLDING_VERSION = 2

/** Longer words are cut to so many characters, in documents and queries alike, so that prefixes still match. */
const WORD_LENGTH = 100
const MAX_TERMS = 1_000
const MAX_QUERY_WORDS = 32

/**
 * Marks that people omit when they type: accents of Latin, Greek and Cyrillic letters, points of Hebrew, Arabic and
 * Syriac ones. The vowel signs of Indic and Thai script and the voicing marks of Japanese make another word: they stay.
 */
const ACCENTS =
  /[[\p{M}&&[\p{sc=Inherited}\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}]]--[\p{scx=Deva}\u3099\u309a]]/gv
/** Soft hyphens, joiners and variation selectors: they change how a text looks, not what it says. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu
const WORD = /\p{M}*[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu

/**
 * Returns `text` without the differences of case, accent, width and ligature: ł is l, ø is o, æ is ae, ß is ss, ı is i, and
 * full-width letters are plain ones. Folding twice changes nothing.
 */
export function foldText(text: string): string {
  const plain = foldCase(foldCase(text).normalize('NFKD')) // a compatibility form may hold capitals, as ℡ does
  return deburr(plain.replace(ACCENTS, '').replace(INVISIBLE, '')).normalize('NFC')
}

/** Upper case, then lower case, is Unicode's full case folding except for the two small sigmas. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll('ς', 'σ')
}

/** Returns the folded words of `text`, split at whatever is neither a letter, a digit nor a mark on one. */
export function foldWords(text: string): string[] {
  return [...foldText(text).matchAll(WORD)].map(([word]) =>
    word.length > WORD_LENGTH ? [...word].slice(0, WORD_LENGTH).join('') : word,
  )
}

/** Returns the distinct folded words of a document's terms, at most 1,000 of them. */
export function foldTerms(terms: readonly string[]): string[] {
  return [...new Set(terms.flatMap(foldWords))].slice(0, MAX_TERMS)
}

/** Returns the distinct folded words of a query, which may be none. Throws CallerError BAD_USER_INPUT past 32. */
export function foldQuery(text: string): string[] {
  const words = [...new Set(foldWords(text))]
  if (words.length > MAX_QUERY_WORDS)
    throw new CallerError(
      'BAD_USER_INPUT',
      `A search takes at most ${MAX_QUERY_WORDS} words; this one has ${words.length}.`,
    )
  return words
}
