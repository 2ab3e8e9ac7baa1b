// The workflow that hosts every saga, run in Temporal's sandbox. Definitions decide in local activities, whose results Temporal
// keeps, so that a changed definition never meets a replay.
//
// A change to the order of what is asked of Temporal here goes behind `patched()`: runs under way are replayed.
import {
  ActivityFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'
import {
  type Activities,
  type EffectChanges,
  EVENT_SIGNAL,
  type IncomingEvent,
  type LocalActivities,
  RUN_QUERY,
  type RunEvent,
  type RunOrigin,
  type RunState,
  type SagaStart,
  type StepOutcome,
  type StepRequest,
} from '#platform/saga/temporal/messages.ts'

const local = proxyLocalActivities<LocalActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '50ms', backoffCoefficient: 2, maximumInterval: '2s' },
})

/** A failed attempt gets its delay from the worker; this policy is for attempts whose worker died. */
const { performStep } = proxyActivities<Pick<Activities, 'performStep'>>({
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' },
})

const { close: closeRun } = proxyActivities<Pick<Activities, 'close'>>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '5s' },
})

/** The pause after an activity was ended from outside, such as by an operator. */
const AFTER_LOSS = '10s'

type Run = {
  readonly start: SagaStart
  base: RunOrigin | undefined
  events: RunEvent[]
  inbox: RunEvent[]
  readonly timers: Map<string, CancellationScope>
  underWay: number
  isFull: boolean
}

/**
 * Takes events by signal, in order and each once, and has the definition decide on them. Completes when the saga is
 * over, and continues as new when the run is long; its events then lie where the next run, or a late event's, begins.
 */
export async function saga(start: SagaStart): Promise<void> {
  const run: Run = {
    start,
    base: undefined,
    events: [],
    inbox: [],
    timers: new Map(),
    underWay: 0,
    isFull: false,
  }
  setHandler(defineQuery<RunState>(RUN_QUERY), () => ({
    base: run.base,
    events: run.events,
    inbox: run.inbox,
  }))
  setHandler(defineSignal<[IncomingEvent]>(EVENT_SIGNAL), arrival => note(run, arrival))
  // A request to cancel the workflow is none to end the saga: what has been taken would not be given back.
  await CancellationScope.nonCancellable(() => decideUntilOver(run))
}

async function decideUntilOver(run: Run): Promise<void> {
  const begun = await settled(local.begin(run.start))
  run.base = begun.base
  setGoing(run, begun.doing)
  for (let { isOver } = begun; ; ) {
    if (run.inbox.length > 0) isOver = await decide(run, begun.base)
    else if (isOver || run.isFull) {
      await close(run)
      if (run.inbox.length > 0) continue
      if (isOver) return
      if (run.underWay === 0 || workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof saga>(run.start)
      await condition(() => run.inbox.length > 0 || run.underWay === 0)
    } else await condition(() => run.inbox.length > 0)
  }
}

async function decide(run: Run, begun: RunOrigin): Promise<boolean> {
  const arrivals = [...run.inbox]
  const { start, base = begun, events } = run
  const decision = await settled(local.decide({ ...start, base, events, arrivals }))
  run.inbox.splice(0, arrivals.length)
  run.events.push(...decision.accepted.flatMap(index => arrivals[index] ?? []))
  run.isFull ||= decision.isFull
  setGoing(run, decision.doing)
  return decision.isOver
}

async function close(run: Run): Promise<void> {
  const { start, base, events } = run
  if (!base || events.length === 0) return
  const closed = [...events]
  run.base = await settled(closeRun({ ...start, base, events: closed }))
  run.events = []
}

function note({ inbox }: Run, arrival: IncomingEvent): void {
  inbox.push({ ...arrival, id: uuid4(), at: new Date().toISOString() })
}

function setGoing(run: Run, { calls, timers, cancelled }: EffectChanges): void {
  const { saga, sagaId } = run.start
  for (const call of calls) void makeCall(run, { ...call, saga, sagaId, tries: 0 })
  for (const { timer, dueAt } of timers) void keepTime(run, timer, dueAt)
  for (const timer of cancelled) run.timers.get(timer)?.cancel()
}

async function makeCall(run: Run, request: StepRequest): Promise<void> {
  run.underWay += 1
  let { isStuck, tries } = request
  for (;;) {
    const outcome = await performed({ ...request, isStuck, tries })
    if (outcome) note(run, outcome.arrival)
    if (outcome?.kind === 'event') break
    isStuck ||= outcome?.kind === 'stuck'
    tries = outcome?.tries ?? tries
    await sleep(outcome?.afterMs ?? AFTER_LOSS)
  }
  run.underWay -= 1
}

async function performed(request: StepRequest): Promise<StepOutcome | undefined> {
  try {
    return await performStep(request)
  } catch (error) {
    if (error instanceof ActivityFailure && !isCancellation(error)) return undefined
    throw error
  }
}

async function keepTime(run: Run, timer: string, dueAt: string): Promise<void> {
  const scope = new CancellationScope()
  run.timers.set(timer, scope)
  try {
    await scope.run(() => sleep(Math.max(1, Date.parse(dueAt) - Date.now())))
  } catch (error) {
    if (isCancellation(error)) return
    throw error
  } finally {
    run.timers.delete(timer)
  }
  const { saga, sagaId } = run.start
  note(run, {
    commandId: `${sagaId}:timer:${timer}:fired`,
    type: 'TimerFired',
    schema: 1,
    data: { timer, at: new Date().toISOString() },
    meta: { actor: `service:${saga}`, correlationId: sagaId },
  })
}

/**
 * A definition that throws, or a build too old for an event, fails the task and not the saga: another build goes on. That
 * is what an error of any class but Temporal's own does.
 */
async function settled<T>(deciding: Promise<T>): Promise<T> {
  try {
    return await deciding
  } catch (error) {
    if (isCancellation(error)) throw error
    const reason = error instanceof ActivityFailure ? error.cause : error
    throw new Error(reason instanceof Error ? reason.message : String(reason))
  }
}
