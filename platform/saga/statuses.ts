// The status documents of one kind of saga, for lists and for the recovery of a new owner.
import type { CollectionDefinition, Filter, ReadModels } from '#platform/read-models/read-models.ts'
import type { SagaEvent, SagaFilter, SagaRunner, SagaStatus } from '#platform/saga/saga.ts'

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
  list: SagaRunner<SagaEvent>['list']
  count: SagaRunner<SagaEvent>['count']
  /** Reads the sagas with a pending step, page after page. */
  busy(): StatusPages
  /** Reads the sagas with a timer that is due before `instant`, soonest first. */
  due(instant: string): StatusPages
}

const PHASES = ['running', 'compensating', 'ended'] as const
const PAGE = 500
export async function openStatuses(readModels: ReadModels, name: string): Promise<Statuses> {
  const collection = await readModels.collection(definitionOf(name))

  async function* pages(where: Filter, orderBy: string): StatusPages {
    const query = { where: [where], orderBy: { path: orderBy }, limit: PAGE }
    let after: string | undefined
    do {
      const page = await collection.find(after === undefined ? query : { ...query, after })
      yield page.items.map(({ doc }) => toStatus(doc))
      after = (await page.hasNext()) ? page.items.at(-1)?.cursor : undefined
    } while (after !== undefined)
  }

  return {
    async write(statuses) {
      await collection.write(
        statuses.map(({ status, position }) => ({ id: status.id, doc: toDocument(status), position })),
      )
    },
    async list(filter, { descending = false, ...page }) {
      const orderBy = { path: 'updatedAt', descending }
      const found = await collection.find({ where: filtersOf(filter), orderBy, ...page })
      return { ...found, items: found.items.map(({ doc, ...item }) => ({ ...item, doc: toStatus(doc) })) }
    },
    count: (filter, atMost) => collection.count(filtersOf(filter), atMost),
    busy: () => pages({ path: 'busy', equals: true }, 'id'),
    due: instant => pages({ path: 'nextTimerAt', to: instant }, 'nextTimerAt'),
  }
}

function definitionOf(name: string): CollectionDefinition<StatusDocument> {
  return {
    name: `sagas_${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`,
    version: 1,
    indexes: [
      ['phase', 'stuck', 'updatedAt'],
      ['busy', 'id'],
    ],
    sparse: ['nextTimerAt'],
  }
}

/** Both paths are filtered, so that the index which begins with them serves whatever is left out. */
function filtersOf({ phase, stuck }: SagaFilter): Filter[] {
  return [
    { path: 'phase', in: phase === undefined ? PHASES : [phase] },
    { path: 'stuck', in: stuck === undefined ? [true, false] : [stuck] },
  ]
}

function toDocument({ lastError, ...status }: SagaStatus): StatusDocument {
  const nextTimerAt = Object.values(status.timers).sort()[0] ?? null
  return { ...status, busy: status.pending.length > 0, nextTimerAt, lastError: lastError ?? null }
}

function toStatus({ busy, nextTimerAt, lastError, ...status }: StatusDocument): SagaStatus {
  return lastError === null ? status : { ...status, lastError }
}
