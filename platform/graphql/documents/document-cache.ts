// Documents of operations by their text, each checked once for as long as it is kept. Bounded. Free of transport.
import { LRUCache } from 'lru-cache'
import {
  createDocumentCheck,
  type DocumentCheckResult,
  type DocumentRules,
} from '#platform/graphql/documents/document-check.ts'
import type { RequestBudget } from '#platform/graphql/documents/limits.ts'
import { waitForTurn } from '#platform/graphql/documents/turn-queue.ts'

/**
 * The document of a text, or what is wrong with it. A text that is new waits for a turn of the event loop of its own.
 * `budget` is what the other operations of the request left of its limits; all of them are left when there is none.
 */
export type DocumentCache = (text: string, budget?: RequestBudget) => Promise<DocumentCheckResult>

const MAX_DOCUMENTS = 1000
/** The most characters of all kept texts together. */
const MAX_CHARACTERS = 4_000_000

/** Only valid documents are kept, so that invalid ones cannot drive them out. */
export function createDocumentCache(rules: DocumentRules): DocumentCache {
  const check = createDocumentCheck(rules)
  const known = new LRUCache<string, DocumentCheckResult>({
    max: MAX_DOCUMENTS,
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_checked, text) => text.length + 1,
  })

  const underWay = new Map<string, Promise<DocumentCheckResult>>()

  async function checkNew(text: string, tokens: number | undefined): Promise<DocumentCheckResult> {
    await waitForTurn()
    const checked = check(text, tokens)
    if ('document' in checked) known.set(text, checked)
    return checked
  }

  /** Once for all that come with the text before it is checked, but for those whose limits are partly spent. */
  function checkOnce(text: string): Promise<DocumentCheckResult> {
    const found = underWay.get(text)
    if (found) return found
    const checking = checkNew(text, undefined).finally(() => underWay.delete(text))
    underWay.set(text, checking)
    return checking
  }

  return async (text, budget) => {
    const checked = known.get(text) ?? (await (budget ? checkNew(text, budget.tokens) : checkOnce(text)))
    if ('errors' in checked) return checked
    const overspent = budget?.spend(checked.size)
    return overspent ? { errors: [overspent] } : checked
  }
}
