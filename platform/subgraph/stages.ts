// Finds documents by a status that changes often, without an index on it: each change would be one of all indexes.
import type { Filter } from '#platform/read-models/read-models.ts'

/** The status once it has ended, and OPEN before. It changes seldom, so that it is what an index can begin with. */
export type Stage<Status extends string> = Status | 'OPEN'

type Stages<Status extends string> = {
  of(status: Status): Stage<Status>
  /**
   * Finds documents with one of `statuses` by their `stage` and, among the open ones, by their `status`. Ended ones need no
   * second filter: a plan that does not know that it leaves nothing out would expect few documents, and sort them all.
   */
  filters(statuses: readonly Status[]): Filter[]
}

/** `ended` are the statuses that seldom change any more. */
export function createStages<Status extends string>(ended: readonly Status[]): Stages<Status> {
  const of = (status: Status) => (ended.includes(status) ? status : 'OPEN')
  return {
    of,
    filters(statuses) {
      const byStage = { path: 'stage', in: [...new Set(statuses.map(of))] }
      return byStage.in.includes('OPEN') ? [byStage, { path: 'status', in: statuses }] : [byStage]
    },
  }
}
