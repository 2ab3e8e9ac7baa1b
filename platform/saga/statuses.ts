// The status documents of one kind of saga, for lists and for the recovery of a new owner.
import type { CollectionDefinition, Filter, ReadModels } from '#platform/read-models/read-models.ts'
import type { SagaEvent, SagaRunner, SagaStatus } from '#platform/saga/saga.ts'

type StatusDocument = Omit<SagaStatus, 'lastError'> & {
  /** True while a step is pending. */
  readonly busy: boolean
  readonly nextTimerAt: string | null
  readonly lastError: string | null
}

type StatusPages = AsyncIterable<readonly SagaStatus[]>

export type PositionedStatus = { readonly status: SagaStatus; readonly position: number }

export type Statuses = {
  /** A status replaces the stored one only if its position is past that one's. */
  write(statuses: readonly PositionedStatus[]): Promise<void>
  /** Returns statuses by id ascending, past the id `after`. */
  list: SagaRunner<SagaEvent>['list']
  /** Reads the sagas with a pending step, page after page. */
  busy(): StatusPages
  /** Reads the sagas with a timer that is due before `instant`, soonest first. */
  due(instant: string): StatusPages
}

const PHASES = ['running', 'compensating', 'ended'] as const
const PAGE = 500
const MAX_LIST = 999
const DEFAULT_LIMIT = 50

export async function openStatuses(readModels: ReadModels, name: string): Promise<Statuses> {
  const collection = await readModels.collection(definitionOf(name))

  async function* pages(where: Filter, orderBy: string): StatusPages {
    const query = { where: [where], orderBy: { path: orderBy }, limit: PAGE }
    let after: string | undefined
    do {
      const { items, hasNext } = await collection.find(after === undefined ? query : { ...query, after })
      yield items.map(({ doc }) => toStatus(doc))
      after = hasNext ? items.at(-1)?.cursor : undefined
    } while (after !== undefined)
  }

  return {
    async write(statuses) {
      await collection.write(
        statuses.map(({ status, position }) => ({ id: status.id, doc: toDocument(status), position })),
      )
    },
    async list({ phase, stuck } = {}, limit = DEFAULT_LIMIT, after) {
      const wanted = Math.max(1, Math.min(limit, MAX_LIST))
      // One index range for each phase and stuck flag, merged: each is read in the order of ids, up to the limit.
      const ranges = (phase ? [phase] : PHASES).flatMap(one =>
        (stuck === undefined ? [true, false] : [stuck]).map(two =>
          rangeOf({ phase: one, stuck: two, after }),
        ),
      )
      const pages = await Promise.all(
        ranges.map(where => collection.find({ where, orderBy: { path: 'id' }, limit: wanted + 1 })),
      )
      return pages
        .flatMap(({ items }) => items.map(({ doc }) => toStatus(doc)))
        .filter(({ id }) => id !== after)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, wanted)
    },
    busy: () => pages({ path: 'busy', equals: true }, 'id'),
    due: instant => pages({ path: 'nextTimerAt', to: instant }, 'nextTimerAt'),
  }
}

function definitionOf(name: string): CollectionDefinition<StatusDocument> {
  return {
    name: `sagas_${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`,
    version: 1,
    indexes: [
      ['phase', 'stuck', 'id'],
      ['busy', 'id'],
    ],
    sparse: ['nextTimerAt'],
  }
}

type IndexRange = { readonly phase: string; readonly stuck: boolean; readonly after: string | undefined }

function rangeOf({ phase, stuck, after }: IndexRange): Filter[] {
  const range: Filter[] = [
    { path: 'phase', equals: phase },
    { path: 'stuck', equals: stuck },
  ]
  return after === undefined ? range : [...range, { path: 'id', from: after }]
}

function toDocument({ lastError, ...status }: SagaStatus): StatusDocument {
  const nextTimerAt = Object.values(status.timers).sort()[0] ?? null
  return { ...status, busy: status.pending.length > 0, nextTimerAt, lastError: lastError ?? null }
}

function toStatus({ busy, nextTimerAt, lastError, ...status }: StatusDocument): SagaStatus {
  return lastError === null ? status : { ...status, lastError }
}
