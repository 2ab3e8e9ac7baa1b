// Checks texts in webhooks for what PostgreSQL cannot store: U+0000 and unpaired surrogates.
import { z } from 'zod'

/** 1 to `most` characters that can be stored as they are: for ids and codes, which must not change on their way. */
export function storableText(most: number) {
  return z
    .string()
    .min(1)
    .max(most)
    .refine(isStorable, 'holds U+0000 or half a surrogate pair, which cannot be stored')
}

/** 1 to `most` characters for people to read: U+FFFD takes the place of what cannot be stored. */
export function mendedText(most: number) {
  return z
    .string()
    .min(1)
    .max(most)
    .transform(text => text.replaceAll('\0', '\ufffd').toWellFormed())
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
