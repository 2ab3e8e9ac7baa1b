// Recovers calls and timers that nobody here runs: those that the last owner left, or that there was no room for.
import type { CallQueue } from '#platform/saga/call-queue.ts'
import type { SagaDependencies } from '#platform/saga/dependencies.ts'
import type { SagaProgress } from '#platform/saga/history.ts'
import type { SagaStatus } from '#platform/saga/saga.ts'
import { inBatches } from '#platform/saga/streams.ts'
import { HORIZON_MS, type SagaTimer } from '#platform/saga/timers.ts'

type RecoveryPorts<State> = {
  readonly calls: CallQueue
  readonly startTimer: (timer: SagaTimer) => void
  readonly react: (sagaId: string, progress: SagaProgress<State>) => void
  readonly isEnded: () => boolean
}

/** Timers are loaded at least this long before they are due. */
const SWEEP_MS = HORIZON_MS / 2
const RETRY_MS = 1_000

/** Sweeps at once and then regularly, until stopped. The first sweep recovers everything that is pending. */
export function startRecovery<State>(
  dependencies: SagaDependencies<State>,
  ports: RecoveryPorts<State>,
): { stop(): void } {
  let timeout: NodeJS.Timeout | undefined
  let hasSwept = false

  async function run(): Promise<void> {
    let wait = SWEEP_MS
    try {
      await recoverTimers(dependencies, ports)
      await recoverCalls(dependencies, ports, hasSwept ? SWEEP_MS : undefined)
      hasSwept = true
    } catch (error) {
      wait = RETRY_MS
      const { saga, logger } = dependencies
      logger?.warn({ err: error, saga }, `saga recovery sweep failed, retrying in ${RETRY_MS} ms`)
    }
    if (!ports.isEnded()) timeout = setTimeout(run, wait)
  }
  void run()
  return { stop: () => clearTimeout(timeout) }
}

async function recoverTimers<State>(
  { now, statuses }: SagaDependencies<State>,
  ports: RecoveryPorts<State>,
): Promise<void> {
  const horizon = new Date(now().getTime() + HORIZON_MS).toISOString()
  for await (const page of statuses.due(horizon)) {
    for (const { id: sagaId, timers } of page)
      for (const [timer, dueAt] of Object.entries(timers)) ports.startTimer({ sagaId, timer, dueAt })
    if (ports.isEnded()) return
  }
}

/** Leaves alone the sagas that moved within the last `quietMs`: their calls are being started. */
async function recoverCalls<State>(
  dependencies: SagaDependencies<State>,
  ports: RecoveryPorts<State>,
  quietMs: number | undefined,
): Promise<void> {
  const settledBefore = new Date(dependencies.now().getTime() - (quietMs ?? 0)).toISOString()
  const isAbandoned = ({ id, pending, updatedAt }: SagaStatus) =>
    (quietMs === undefined || updatedAt < settledBefore) && pending.some(step => !ports.calls.has(id, step))
  for await (const page of dependencies.statuses.busy()) {
    await inBatches(page.filter(isAbandoned), ({ id }) => recoverSaga(dependencies, ports, id))
    await ports.calls.whenRoom()
    if (ports.isEnded()) return
  }
}

/** Reads the history, which may be ahead of the status. */
async function recoverSaga<State>(
  { saga, journal, logger }: SagaDependencies<State>,
  ports: RecoveryPorts<State>,
  sagaId: string,
): Promise<void> {
  try {
    ports.react(sagaId, await journal.load(sagaId))
  } catch (error) {
    logger?.warn({ err: error, saga, sagaId }, 'saga recovery failed, retrying with the next sweep')
  }
}
