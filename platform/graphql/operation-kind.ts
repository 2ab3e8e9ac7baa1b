// Tells queries from mutations by a glance at the text, before it is parsed.
import type { WorkKind } from '#platform/resilience/overload-guard.ts'

/**
 * Takes a query that has the word in a field or a text for a mutation, and an operation by its unknown hash for a query: good
 * enough to choose a limit, not to enforce a rule.
 */
export function kindOfText(text: unknown): WorkKind {
  return typeof text === 'string' && /\bmutation\b/.test(text) ? 'mutation' : 'query'
}
