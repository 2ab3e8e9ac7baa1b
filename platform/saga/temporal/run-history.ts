// What of a saga's history lies outside its present run: read, folded, and added to when a run closes. Free of Temporal.
import { LRUCache } from 'lru-cache'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { streamOf } from '#platform/saga/dependencies.ts'
import type { Folder, Standing } from '#platform/saga/history.ts'
import type { Base, RunEvent } from '#platform/saga/temporal/messages.ts'

export type Past<State> = {
  readonly events: readonly RecordedEvent[]
  readonly commandIds: ReadonlySet<string>
  readonly standing: Standing<State>
}

export type Pasts<State> = {
  /** Where the next run of the saga begins. */
  base(sagaId: string): Promise<Base>
  /** The same for one `base` for ever. */
  read(sagaId: string, base: Base): Promise<Past<State>>
  /** Adds a run's events, once for one `base`, durably; the base of what comes after them. */
  add(sagaId: string, base: Base, events: readonly RunEvent[]): Promise<Base>
  /** A run's events as the folder takes them, past `base`. */
  recorded(sagaId: string, base: Base, events: readonly RunEvent[]): RecordedEvent[]
}

type ClosedRun = { readonly inherited: number; readonly events: readonly RunEvent[] }

const MAX_PASTS = 1_000
const START: Base = { inherited: 0, runs: 0, version: 0, position: 0 }

/**
 * Closed runs of `<saga>-<id>` are events of the stream `<saga>Runs-<id>`, each with the run's events. What the runner
 * on the event store wrote to `<saga>-<id>` before the first run stands before them.
 */
export function openPasts<State>(store: EventStore, saga: string, folder: Folder<State>): Pasts<State> {
  const pasts = new LRUCache<string, Past<State>>({ max: MAX_PASTS })
  const runsOf = (sagaId: string): StreamId => `${saga}Runs-${sagaId}`
  const readRuns = async (sagaId: string, upTo?: number) =>
    (await store.readStream(runsOf(sagaId), upTo === undefined ? {} : { upTo })).map(toRun)
  const readInherited = (sagaId: string, upTo?: number) =>
    store.readStream(streamOf(saga, sagaId), upTo === undefined ? {} : { upTo })

  function recorded(sagaId: string, base: Base, events: readonly RunEvent[]): RecordedEvent[] {
    return events.map(({ commandId, at, ...event }, index) => ({
      ...event,
      stream: streamOf(saga, sagaId),
      version: base.version + index + 1,
      position: base.position + index + 1,
      recordedAt: at,
    }))
  }

  async function load(sagaId: string, base: Base): Promise<Past<State>> {
    const [inherited, runs] = await Promise.all([
      base.inherited === 0 ? [] : readInherited(sagaId, base.inherited),
      base.runs === 0 ? [] : readRuns(sagaId, base.runs),
    ])
    const own = runs.flatMap(run => run.events)
    const events = [...inherited, ...recorded(sagaId, afterInherited(inherited), own)]
    return {
      events,
      commandIds: new Set([...inherited.map(({ id }) => inheritedId(id)), ...own.map(run => run.commandId)]),
      standing: folder.foldAll(events),
    }
  }

  return {
    recorded,
    async base(sagaId) {
      const runs = await readRuns(sagaId)
      const count = runs[0]?.inherited
      const inherited = count === 0 ? [] : await readInherited(sagaId, count)
      return runs.reduce((base, { events }) => after(base, events.length), afterInherited(inherited))
    },
    async read(sagaId, base) {
      if (base.version === 0) return { events: [], commandIds: new Set(), standing: folder.initial }
      const key = `${sagaId} ${base.version}`
      const past = pasts.get(key) ?? (await load(sagaId, base))
      pasts.set(key, past)
      return past
    },
    async add(sagaId, base, events) {
      const run: ClosedRun = { inherited: base.inherited, events }
      const result = await store.append({
        writes: [
          {
            stream: runsOf(sagaId),
            expected: base.runs,
            events: [{ type: 'RunClosed', data: { ...run, events: events.map(event => ({ ...event })) } }],
          },
        ],
        command: { id: `${sagaId}:run:${base.version}`, fingerprint: 'RunClosed', outcome: null },
      })
      if (result.status === 'conflict')
        throw new OperatorError(
          'SAGA_RUN_LOST',
          `saga ${sagaId} was closed by another run: ${runsOf(sagaId)}`,
        )
      return after(base, events.length)
    },
  }
}

/** In place of the command id, which the event store keeps to itself. */
export function inheritedId(eventId: string): string {
  return `event:${eventId}`
}

function afterInherited(events: readonly RecordedEvent[]): Base {
  const last = events.at(-1)
  if (!last) return START
  return { inherited: events.length, runs: 0, version: events.length, position: last.position }
}

function after(base: Base, events: number): Base {
  return {
    inherited: base.inherited,
    runs: base.runs + 1,
    version: base.version + events,
    position: base.position + events,
  }
}

/** The data is what `add` wrote. */
function toRun({ data }: RecordedEvent): ClosedRun {
  return data as Json as unknown as ClosedRun
}
