// Caches checked documents by their text, bounded by number and characters.
import { LRUCache } from 'lru-cache'
import {
  createDocumentCheck,
  type DocumentCheckResult,
  type DocumentRules,
} from '#platform/graphql/documents/document-check.ts'
import type { RequestBudget } from '#platform/graphql/documents/limits.ts'
import { waitForTurn } from '#platform/graphql/documents/turn-queue.ts'

/**
 * Returns the document of a text, or its errors. A new text waits for a turn of the event loop of its own. `budget` is
 * what the other operations of the request left of its limits; without one nothing is used up.
 */
export type DocumentCache = (text: string, budget?: RequestBudget) => Promise<DocumentCheckResult>

const MAX_DOCUMENTS = 1000
/** Characters of all cached texts together. */
const MAX_CHARACTERS = 4_000_000

/** Caches valid documents only, so that invalid ones cannot evict them. */
export function createDocumentCache(rules: DocumentRules): DocumentCache {
  const check = createDocumentCheck(rules)
  const cached = new LRUCache<string, DocumentCheckResult>({
    max: MAX_DOCUMENTS,
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_checked, text) => text.length + 1,
  })

  const pending = new Map<string, Promise<DocumentCheckResult>>()

  async function checkNew(text: string, tokens: number | undefined): Promise<DocumentCheckResult> {
    await waitForTurn()
    const checked = check(text, tokens)
    if ('document' in checked) cached.set(text, checked)
    return checked
  }

  /** Checks a text once for all operations that bring it meanwhile, but for those with a budget of their own. */
  function checkOnce(text: string): Promise<DocumentCheckResult> {
    const found = pending.get(text)
    if (found) return found
    const checking = checkNew(text, undefined).finally(() => pending.delete(text))
    pending.set(text, checking)
    return checking
  }

  return async (text, budget) => {
    const checked = cached.get(text) ?? (await (budget ? checkNew(text, budget.tokens) : checkOnce(text)))
    if ('errors' in checked) return checked
    const overBudget = budget?.spend(checked.size)
    return overBudget ? { errors: [overBudget] } : checked
  }
}
