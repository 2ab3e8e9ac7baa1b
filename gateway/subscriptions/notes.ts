// Tells in an answer's extensions what HTTP tells in headers: where there are many answers, headers have gone. Pure.
import type { ResponseMetadata } from '#gateway/pipeline/response-metadata.ts'
import { CONSISTENCY_HEADER, formatToken } from '#platform/consistency/consistency-token.ts'
import { isObject } from '#platform/domain/json.ts'

/** `text` is a whole answer, as JSON. */
export function addExtensions(text: string, { reached, stale }: ResponseMetadata): string {
  const token = formatToken(reached)
  if (token === '' && stale.size === 0) return text
  const answer: unknown = JSON.parse(text)
  if (!isObject(answer)) return text
  const extensions = {
    ...(isObject(answer.extensions) && answer.extensions),
    ...(token !== '' && { [CONSISTENCY_HEADER]: token }),
    ...(stale.size > 0 && { stale: [...stale] }),
  }
  return JSON.stringify({ ...answer, extensions })
}
