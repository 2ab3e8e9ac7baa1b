// Tells in an answer's extensions what HTTP tells in headers: where there are many answers, headers have gone. Pure.
import type { Notes } from '#gateway/operation.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/graphql/consistency.ts'

/** `text` is a whole answer, as JSON, that begins with its data or its errors. */
export function tellNotes(text: string, { reached, stale }: Notes): string {
  const token = formatToken(reached)
  if (token === '' && stale.size === 0) return text
  const told = {
    ...(token !== '' && { [CONSISTENCY_HEADER]: token }),
    ...(stale.size > 0 && { stale: [...stale] }),
  }
  return `{"extensions":${JSON.stringify(told)},${text.slice(1)}`
}
