// Search terms: how text is folded into words, for documents and for queries alike. Free of any driver.
import { CallerError } from '#platform/domain/errors.ts'

/** Characters of a word that count; the rest is cut off on both sides, so that prefixes still meet. */
const WORD_LENGTH = 100
const MOST_TERMS = 1_000
const MOST_QUERY_WORDS = 32

/** The words of `text`: lower case, without accents, split at whatever is neither letter nor digit. */
export function foldWords(text: string): string[] {
  return text
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(word => word !== '')
    .map(word => (word.length > WORD_LENGTH ? [...word].slice(0, WORD_LENGTH).join('') : word))
}

/** The distinct folded words of a document's terms, at most 1,000 of them. */
export function foldTerms(terms: readonly string[]): string[] {
  return [...new Set(terms.flatMap(foldWords))].slice(0, MOST_TERMS)
}

/** The distinct folded words that a query looks for; none when the text has none. Throws BAD_USER_INPUT past 32. */
export function queryWords(text: string): string[] {
  const words = [...new Set(foldWords(text))]
  if (words.length > MOST_QUERY_WORDS)
    throw new CallerError(
      'BAD_USER_INPUT',
      `A search takes at most ${MOST_QUERY_WORDS} words; this one has ${words.length}.`,
    )
  return words
}
