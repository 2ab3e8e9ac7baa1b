// Tests invariants of a fulfilment under random interleavings of responses, failures, cancellations, events and repeats.
import process from 'node:process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Fulfilment, fulfilment } from '#subgraphs/orders/fulfilment/fulfilment.ts'
import {
  AT,
  cancelled,
  type HistoryEvent,
  names,
  replay,
  returned,
  started,
  startedAmple,
} from './fulfilment-fixture.ts'
import {
  deny,
  giveUpOn,
  grant,
  type Mood,
  type Movement,
  moveShipment,
  newWorld,
  type Pending,
  perform,
  settleMovement,
  type World,
} from './service-models.ts'

/** Histories a property; more with the variable HISTORIES. */
const RUNS = Number(process.env.HISTORIES ?? 1500)

type Run = {
  state: Fulfilment
  readonly log: HistoryEvent[]
  readonly asked: string[]
  readonly pending: Pending[]
  /** Calls given up on without being carried out: they may still arrive. */
  readonly adrift: Pending[]
  timer: 'none' | 'running' | 'cancelled'
  readonly world: World
}

/** `kind` says what happens next, `index` to which of those that it can happen to, `mood` how it is taken. */
type Move = { readonly kind: (typeof KINDS)[number]; readonly index: number; readonly mood: Mood }
const KINDS = [
  ...(['perform', 'answer', 'fail', 'arrive', 'hear', 'approve', 'deny', 'time-out'] as const),
  ...(['carry', 'lose', 'cancel', 'return', 'repeat', 'settle'] as const),
]
const WEIGHTS: Partial<Record<(typeof KINDS)[number], number>> = {
  perform: 8,
  answer: 12,
  hear: 8,
  carry: 6,
  settle: 2,
}

const anyMove: fc.Arbitrary<Move> = fc.record({
  kind: fc.oneof(...KINDS.map(kind => ({ arbitrary: fc.constant(kind), weight: WEIGHTS[kind] ?? 1 }))),
  index: fc.nat(7),
  mood: fc.oneof(
    { arbitrary: fc.constant<Mood>('willing'), weight: 8 },
    fc.constant<Mood>('hesitant'),
    fc.constant<Mood>('unwilling'),
  ),
})

/** A way that begins with some plain successes, so that the later stages are reached as often as the first. */
const moves: fc.Arbitrary<Move[]> = fc
  .tuple(fc.nat(9), fc.array(anyMove, { maxLength: 60, size: 'max' }))
  .map(([successes, rest]) => [...new Array<Move>(successes).fill(SUCCESS), ...rest])
const SUCCESS: Move = { kind: 'answer', index: 0, mood: 'willing' }

type Setting = { readonly start: HistoryEvent; readonly announces: boolean }
const setting: fc.Arbitrary<Setting> = fc.record({
  start: fc.constantFrom(started, startedAmple),
  announces: fc.boolean(),
})

function happen(run: Run, event: HistoryEvent): void {
  run.log.push(event)
  run.state = fulfilment.evolve(run.state, event)
  for (const effect of fulfilment.react(run.state, event)) {
    run.asked.push(...names([effect]))
    if (effect.kind === 'call') {
      if (effect.command === 'payment.capturePayment') expect(run.log).toContainEqual(committed)
      if (effect.command === 'inventory.commitReservation') expect(run.world.hold).not.toBe('none')
      run.pending.push({ call: effect })
    } else {
      run.timer = effect.kind === 'start-timer' ? 'running' : 'cancelled'
    }
  }
}
const committed = expect.objectContaining({
  type: 'StepSucceeded',
  data: expect.objectContaining({ step: 'commit-stock' }),
})

function carryOut(run: Run, pending: Pending | undefined, mood: Mood): void {
  if (pending && !pending.answer) pending.answer = perform(run.world, pending.call, mood)
}

function answer(run: Run, pending: Pending | undefined): void {
  if (!pending?.answer) return
  run.pending.splice(run.pending.indexOf(pending), 1)
  happen(run, pending.answer)
}

function giveUp(run: Run, pending: Pending | undefined): void {
  if (pending?.call.patience !== 'bounded') return
  run.pending.splice(run.pending.indexOf(pending), 1)
  if (!pending.answer) run.adrift.push(pending)
  happen(run, giveUpOn(pending))
}

function hear(run: Run, news: HistoryEvent | undefined): void {
  if (!news) return
  run.world.unheard = run.world.unheard.filter(one => one !== news)
  run.world.heard.push(news)
  happen(run, news)
}

const HAPPENINGS: Record<Move['kind'], (run: Run, move: Move) => void> = {
  perform: (run, { index, mood }) => carryOut(run, pick(run.pending, index), mood),
  answer: (run, { index, mood }) => {
    const pending = pick(run.pending, index)
    carryOut(run, pending, mood)
    answer(run, pending)
  },
  fail: (run, { index }) => giveUp(run, pick(run.pending, index)),
  arrive: (run, { mood }) => carryOut(run, run.adrift.pop(), mood),
  hear: (run, { index }) => hear(run, pick(run.world.unheard, index)),
  approve: ({ world }) => {
    if (world.payment === 'pending') grant(world)
  },
  deny: ({ world }) => {
    if (world.payment === 'pending') deny(world)
  },
  'time-out': timeOut,
  carry: ({ world }, { index }) => moveShipment(world, pick([...world.shipments.keys()], index), false),
  lose: ({ world }, { index }) => moveShipment(world, pick([...world.shipments.keys()], index), true),
  cancel: run => happen(run, cancelled),
  return: (run, { index }) => {
    if (run.world.captured > 0) happen(run, returned(`ret_${index}`, 100))
  },
  settle: ({ world }, { index, mood }) =>
    settleMovement(world, pick([...world.movements.keys()], index), mood === 'willing'),
  repeat: (run, { index }) => happen(run, pick(run.log, index * 5) ?? started),
}

/** A cancelled timer may fire once more: it was too late to hold it back. */
function timeOut(run: Run): void {
  if (run.timer === 'none') return
  run.timer = 'none'
  happen(run, { type: 'TimerFired', data: { timer: 'approval', at: AT } })
}

/** Lets everything that is owed happen, until nothing is. */
function runDown(run: Run): void {
  for (let round = 0; round < 60; round++) {
    for (const pending of [...run.pending]) {
      carryOut(run, pending, 'willing')
      answer(run, pending)
    }
    for (const news of [...run.world.unheard]) hear(run, news)
    const isQuiet = run.pending.length === 0 && run.world.unheard.length === 0
    if (isQuiet && run.timer === 'running') timeOut(run)
    else if (isQuiet) {
      for (const id of run.world.shipments.keys()) moveShipment(run.world, id, false)
      for (const [index, id] of [...run.world.movements.keys()].entries())
        settleMovement(run.world, id, index % 2 === 0)
    }
  }
}

function simulate(steps: readonly Move[], { start, announces }: Setting): Run {
  const run: Run = {
    state: fulfilment.initial,
    log: [],
    asked: [],
    pending: [],
    adrift: [],
    timer: 'none',
    world: newWorld(announces),
  }
  happen(run, start)
  for (const step of steps) HAPPENINGS[step.kind](run, step)
  runDown(run)
  return run
}

function pick<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(items.length, 1)]
}

function holds(check: (run: Run) => void, numRuns = RUNS): void {
  fc.assert(
    fc.property(moves, setting, (steps, given) => {
      check(simulate(steps, given))
    }),
    { numRuns },
  )
}

test('a fulfilment ends either completed or cancelled', () => {
  holds(({ state, asked, world }) => {
    expect(fulfilment.phase(state)).toBe('ended')
    const ends = asked.filter(step => step === 'complete-order' || step === 'cancel-order')
    expect(ends).toEqual([world.shipped > 0 ? 'complete-order' : 'cancel-order'])
  })
})

test('all the money that was authorised is captured or voided', () => {
  holds(({ world }) => expect(world.captured + world.voided).toBe(world.authorised))
})

test('a delivered parcel is paid in full, or its debt is on the order and written off', () => {
  holds(({ world }) => {
    for (const [id, { status }] of world.shipments) {
      const { asked = 0, taken = 0 } = world.bills.get(id) ?? {}
      if (status !== 'delivered') continue
      expect(asked).toBeGreaterThan(0)
      if (taken === asked) continue
      const movementId = `mov_capture:${id}`
      expect(world.movements.get(movementId)).toMatchObject({
        status: 'written-off',
        outstanding: asked - taken,
      })
      expect(world.orders).toContain(`record-debt:${movementId}`)
      expect(world.orders).toContain(`resolve-debt:${movementId}`)
    }
  })
})

test('all money captured for cancelled or lost parcels is refunded, or the shop owes it', () => {
  holds(({ world, log }) => {
    const gone = [...world.shipments].filter(([, { status }]) => status === 'cancelled' || status === 'lost')
    const taken = gone.reduce((sum, [id]) => sum + (world.bills.get(id)?.taken ?? 0), 0)
    const givenUp = [...world.movements.keys()].reduce((sum, id) => sum + writtenOff(world, id, 'refund'), 0)
    const back = world.refunded + givenUp
    if (log.some(({ type }) => type === 'ReturnReceived')) expect(back).toBeGreaterThanOrEqual(taken)
    else expect(back).toBe(taken)
  })
})

function writtenOff(world: World, movementId: string, kind: Movement['kind']): number {
  const movement = world.movements.get(movementId)
  return movement?.status === 'written-off' && movement.kind === kind ? movement.outstanding : 0
}

test('every refused movement and its end is recorded on the order, unless it was dropped or its goods were lost', () => {
  holds(({ world }) => {
    for (const [movementId, { status, kind }] of world.movements) {
      expect(status).not.toBe('open')
      if (kind === 'capture' && !hasArrived(world, movementId)) continue
      expect(world.orders).toContain(`record-debt:${movementId}`)
      expect(world.orders.includes(`resolve-debt:${movementId}`)).toBe(status !== 'dropped')
    }
  })
})

function hasArrived(world: World, movementId: string): boolean {
  const status = world.shipments.get(world.movements.get(movementId)?.id ?? '')?.status
  return status === 'delivered'
}

test('all the stock that was reserved is shipped or released', () => {
  holds(({ world }) => expect(world.shipped + world.released).toBe(world.reserved))
})

test('the reason says that the stock is out whenever the hold was refused, unless the customer cancelled first', () => {
  holds(({ log, state }) => {
    const causes = log.filter(
      event =>
        event.type === 'CancellationRequested' ||
        (event.type === 'StepRefused' && event.data.step === 'reserve-stock'),
    )
    const isOut = state.stop?.reason === 'OUT_OF_STOCK'
    expect(isOut).toBe(causes[0]?.type === 'StepRefused')
  })
})

test('no step is requested twice, and the timer is started once', () => {
  holds(({ asked }) => expect(asked).toHaveLength(new Set(asked).size))
})

test('a cancellation is rejected exactly when it does not succeed', () => {
  holds(({ state, asked }) => {
    const isRejected = asked.includes('reject-cancellation')
    expect(isRejected).toBe(state.cancellationRequested && asked.includes('complete-order'))
  })
})

test('no more is refunded than was captured', () => {
  holds(({ world }) => expect(world.refunded).toBeLessThanOrEqual(world.captured))
})

test('replaying the log gives the same effects and state, through JSON too', () => {
  holds(({ log, asked, state }) => {
    const replayed = replay(...log)
    expect(names(replayed.all)).toEqual(asked)
    expect(replayed.state).toEqual(state)
    const read = log.reduce<Fulfilment>(
      (now, event) => fulfilment.evolve(JSON.parse(JSON.stringify(now)), JSON.parse(JSON.stringify(event))),
      fulfilment.initial,
    )
    expect(read).toEqual(state)
  }, RUNS / 5)
})
