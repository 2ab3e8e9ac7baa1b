// Page sizes and page ends of the mobile lists. Pure.
import { CallerError } from '#platform/domain/errors.ts'

/** Throws BAD_USER_INPUT that names the bounds. */
export function checkPageSize(first: number, least: number, most: number): number {
  if (first >= least && first <= most) return first
  throw new CallerError('BAD_USER_INPUT', `first is ${first}; it should be ${least} to ${most}`, {
    field: 'first',
  })
}

/** What to ask the next page with; null after the last. */
export function nextCursor(page: {
  readonly hasNextPage: boolean
  readonly endCursor?: string | null
}): string | null {
  return page.hasNextPage ? (page.endCursor ?? null) : null
}
