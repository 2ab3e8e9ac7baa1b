// The status documents of one kind of saga: what is listed, and what a new owner goes on from. Free of events.
import type { CollectionDefinition, Filter, ReadModels } from '#platform/read-models/read-models.ts'
import type { SagaStatus } from '#platform/saga/saga.ts'

type StatusDocument = {
  readonly id: string
  readonly phase: SagaStatus['phase']
  readonly pending: readonly string[]
  /** Some step waits for its answer. */
  readonly busy: boolean
  readonly timers: Readonly<Record<string, string>>
  readonly nextTimerAt: string | null
  readonly stuck: boolean
  readonly lastError: string | null
  readonly updatedAt: string
}

export type StatusFilter = { readonly phase?: SagaStatus['phase']; readonly stuck?: boolean }
export type StatusPage = { readonly items: readonly SagaStatus[]; readonly next: string | undefined }

export type Statuses = {
  /** Each counts only if its position is past that of the stored one. */
  write(statuses: readonly { readonly status: SagaStatus; readonly position: number }[]): Promise<void>
  /** By id ascending, past the id `after`. */
  list(filter: StatusFilter, limit: number, after: string | undefined): Promise<SagaStatus[]>
  /** Sagas with a step that waits for its answer; `after` is the `next` of an earlier page. */
  busy(after: string | undefined): Promise<StatusPage>
  /** Sagas with a timer that is due before `instant`, soonest first. */
  due(instant: string, after: string | undefined): Promise<StatusPage>
}

const PHASES = ['running', 'compensating', 'ended'] as const
const PAGE = 500
const MAX_LIST = 999

export async function openStatuses(readModels: ReadModels, name: string): Promise<Statuses> {
  const collection = await readModels.collection(definitionOf(name))

  async function page(where: Filter, orderBy: string, after: string | undefined): Promise<StatusPage> {
    const query = { where: [where], orderBy: { path: orderBy }, limit: PAGE }
    const { items, hasNext } = await collection.find(after === undefined ? query : { ...query, after })
    return { items: items.map(({ doc }) => toStatus(doc)), next: hasNext ? items.at(-1)?.cursor : undefined }
  }

  return {
    write: statuses =>
      collection.write(
        statuses.map(({ status, position }) => ({ id: status.id, doc: toDocument(status), position })),
      ),
    async list({ phase, stuck }, limit, after) {
      const wanted = Math.max(1, Math.min(limit, MAX_LIST))
      // One run of the index each, merged: every filter is served in order of ids, however many sagas there are.
      const runs = (phase ? [phase] : PHASES).flatMap(one =>
        (stuck === undefined ? [true, false] : [stuck]).map(two => runOf(one, two, after)),
      )
      const pages = await Promise.all(
        runs.map(where => collection.find({ where, orderBy: { path: 'id' }, limit: wanted + 1 })),
      )
      return pages
        .flatMap(({ items }) => items.map(({ doc }) => toStatus(doc)))
        .filter(({ id }) => id !== after)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, wanted)
    },
    busy: after => page({ path: 'busy', equals: true }, 'id', after),
    due: (instant, after) => page({ path: 'nextTimerAt', to: instant }, 'nextTimerAt', after),
  }
}

function definitionOf(name: string): CollectionDefinition<StatusDocument> {
  return {
    name: `sagas_${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`,
    version: 1,
    indexes: [['phase', 'stuck', 'id'], ['busy', 'id'], ['nextTimerAt']],
  }
}

function runOf(phase: string, stuck: boolean, after: string | undefined): Filter[] {
  const run: Filter[] = [
    { path: 'phase', equals: phase },
    { path: 'stuck', equals: stuck },
  ]
  return after === undefined ? run : [...run, { path: 'id', from: after }]
}

function toDocument({ lastError, ...status }: SagaStatus): StatusDocument {
  const nextTimerAt = Object.values(status.timers).sort()[0] ?? null
  return { ...status, busy: status.pending.length > 0, nextTimerAt, lastError: lastError ?? null }
}

function toStatus({ busy, nextTimerAt, lastError, ...status }: StatusDocument): SagaStatus {
  return lastError === null ? status : { ...status, lastError }
}
