// Finds documents by a status that changes often, without an index on it: each change would be one of all indexes.
import type { Filter } from '#platform/read-models/read-models.ts'

/** The status once it has ended, and OPEN before. It changes seldom, so that it is what an index can begin with. */
export type Stage<Status extends string> = Status | 'OPEN'

type Stages<Status extends string> = {
  of(status: Status): Stage<Status>
  /**
   * Finds documents with one of `statuses` by their `stage` and, among the open ones, by their `status`. That filter lets
   * all ended ones pass: were it to name the wanted ones again, a plan would expect few documents, and sort them all.
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
      if (!byStage.in.includes('OPEN')) return [byStage]
      return [byStage, { path: 'status', in: [...new Set([...statuses, ...ended])] }]
    },
  }
}
