// Loads documents of a view by id, in batches per operation.
import DataLoader from 'dataloader'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import type { Collection, Document } from '#platform/read-models/read-models.ts'

const MAX_IDS = 500

/** Returns the operation's loader called `name`, which is made at its first use. */
export function documentLoader<Doc extends Document>(
  context: Pick<RequestContext, 'loaders'>,
  name: string,
  collection: Pick<Collection<Doc>, 'getMany'>,
): DataLoader<string, Doc | undefined> {
  const load = async (ids: readonly string[]) => {
    const found = await collection.getMany(ids)
    return ids.map(id => found.get(id))
  }
  return loaderOf(context, name, () => new DataLoader(load, { maxBatchSize: MAX_IDS }))
}
