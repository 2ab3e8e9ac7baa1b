// Takes up what nobody here does yet: calls and timers that the last owner left, or that there was no room for.
import type { Calls } from '#platform/saga/call-queue.ts'
import { inTurns, type SagaDesk, streamOf } from '#platform/saga/dependencies.ts'
import { statusOf } from '#platform/saga/history.ts'
import type { SagaStatus } from '#platform/saga/saga.ts'
import type { StatusWriter } from '#platform/saga/status-writer.ts'
import type { StatusPage } from '#platform/saga/statuses.ts'
import { HORIZON_MS } from '#platform/saga/timers.ts'

export type TakeUp = {
  readonly calls: Calls
  readonly startTimer: (sagaId: string, timer: string, dueAt: string) => void
  readonly write: StatusWriter['write']
  readonly isEnded: () => boolean
}

/** Timers come into memory this long before they are due, or longer. */
const SWEEP_MS = HORIZON_MS / 2
const AFTER_FAILURE_MS = 1_000

/** Sweeps at once and then regularly, until stopped. The first sweep takes up all that is pending. */
export function startSweeps<State>(desk: SagaDesk<State>, taking: TakeUp): { stop(): void } {
  let timeout: NodeJS.Timeout | undefined
  let isFirst = true

  async function run(): Promise<void> {
    let wait = SWEEP_MS
    try {
      await takeUpTimers(desk, taking)
      await takeUpCalls(desk, taking, isFirst)
      isFirst = false
    } catch (error) {
      wait = AFTER_FAILURE_MS
      const saga = desk.definition.name
      desk.logger?.warn({ err: error, saga }, 'a sweep over sagas failed and is repeated')
    }
    if (!taking.isEnded()) timeout = setTimeout(run, wait)
  }
  void run()
  return { stop: () => clearTimeout(timeout) }
}

async function takeUpTimers<State>(desk: SagaDesk<State>, taking: TakeUp): Promise<void> {
  const horizon = new Date(desk.now().getTime() + HORIZON_MS).toISOString()
  const readPage = (after: string | undefined) => desk.statuses.due(horizon, after)
  await eachPage(readPage, taking, async page => {
    for (const { id, timers } of page)
      for (const [timer, dueAt] of Object.entries(timers)) taking.startTimer(id, timer, dueAt)
  })
}

/** Later sweeps leave alone what has moved since the one before: its calls are being started. */
async function takeUpCalls<State>(desk: SagaDesk<State>, taking: TakeUp, isFirst: boolean): Promise<void> {
  const settledBefore = new Date(desk.now().getTime() - SWEEP_MS).toISOString()
  const isLeft = ({ id, pending, updatedAt }: SagaStatus) =>
    (isFirst || updatedAt < settledBefore) && pending.some(step => !taking.calls.has(id, step))
  await eachPage(desk.statuses.busy, taking, async page => {
    await inTurns(page.filter(isLeft), ({ id }) => takeUpSaga(desk, taking, id))
    await taking.calls.room()
  })
}

/** What is to be done follows from the history, which may be ahead of the status: that is written again. */
async function takeUpSaga<State>(desk: SagaDesk<State>, taking: TakeUp, id: string): Promise<void> {
  const saga = desk.definition.name
  try {
    const standing = desk.folder.foldAll(await desk.store.readStream(streamOf(saga, id)))
    const { pending, timers, version, position } = standing
    desk.journal.heard(id, version)
    await taking.write([{ status: statusOf(desk.definition, id, standing), position }])
    for (const asked of pending.values()) taking.calls.start(id, asked)
    for (const [timer, { dueAt }] of timers) taking.startTimer(id, timer, dueAt)
  } catch (error) {
    desk.logger?.warn({ err: error, saga, sagaId: id }, 'a saga could not be taken up')
  }
}

async function eachPage(
  read: (after: string | undefined) => Promise<StatusPage>,
  { isEnded }: TakeUp,
  take: (page: readonly SagaStatus[]) => Promise<void>,
): Promise<void> {
  let after: string | undefined
  do {
    const { items, next } = await read(after)
    await take(items)
    after = next
  } while (after !== undefined && !isEnded())
}
