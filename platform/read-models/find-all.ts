// Reads all documents that a query finds, page by page.
import type { Collection, Document, Page, Query } from '#platform/read-models/read-models.ts'

/** Yields the documents in the order of `query`, whose limit is the size of a page. Several readers may share the result. */
export async function* findAll<Doc extends Document>(
  collection: Pick<Collection<Doc>, 'find'>,
  query: Query,
): AsyncGenerator<Page<Doc>['items'][number], void> {
  let after: string | undefined
  do {
    const page = await collection.find({ ...query, ...(after !== undefined && { after }) })
    yield* page.items
    after = (await page.hasNext()) ? page.items.at(-1)?.cursor : undefined
  } while (after !== undefined)
}
