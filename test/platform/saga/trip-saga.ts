// A small saga for the runner's tests: steps one after another, undone when one fails, and a deadline.
import type { Effect, SagaDefinition } from '#platform/saga/saga.ts'

type TripStep = { readonly step: string; readonly patience: 'bounded' | 'endless' }
export type TripEvent =
  | {
      readonly type: 'TripStarted'
      readonly data: { readonly steps: readonly TripStep[]; readonly dueAt?: string }
    }
  | { readonly type: 'TripCalledOff'; readonly data: { readonly why: string } }

export type Trip = {
  readonly steps: readonly TripStep[]
  readonly done: number
  readonly undoing: boolean
  readonly over: boolean
}

/** Answers of steps move it on; a refused or failed one is undone by the step `undo`. The deadline asks for `remind`. */
export const tripSaga: SagaDefinition<Trip, TripEvent> = {
  name: 'trip',
  types: ['TripStarted', 'TripCalledOff'],
  initial: { steps: [], done: 0, undoing: false, over: false },
  evolve(state, event) {
    switch (event.type) {
      case 'TripStarted':
        return { ...state, steps: event.data.steps, over: event.data.steps.length === 0 }
      case 'TripCalledOff':
      case 'TimerFired':
        return state
      case 'StepSucceeded':
        if (event.data.step === 'remind') return state
        if (state.undoing) return { ...state, over: true }
        return { ...state, done: state.done + 1, over: state.done + 1 >= state.steps.length }
      case 'StepRefused':
      case 'StepFailed':
        return { ...state, undoing: true }
    }
  },
  react(state, event) {
    switch (event.type) {
      case 'TripStarted': {
        const { dueAt } = event.data
        return dueAt === undefined
          ? next(state)
          : [...next(state), { kind: 'start-timer', timer: 'deadline', dueAt }]
      }
      case 'TripCalledOff':
        return [{ kind: 'cancel-timer', timer: 'deadline' }]
      case 'TimerFired':
        return [call('remind', 'endless')]
      case 'StepSucceeded':
        return state.undoing || event.data.step === 'remind' ? [] : next(state)
      case 'StepRefused':
      case 'StepFailed':
        return [call('undo', 'endless')]
    }
  },
  phase: ({ undoing, over }) => (over ? 'ended' : undoing ? 'compensating' : 'running'),
}

function next({ steps, done }: Trip): Effect[] {
  const step = steps[done]
  return step ? [call(step.step, step.patience)] : []
}

function call(step: string, patience: 'bounded' | 'endless'): Effect {
  return { kind: 'call', step, command: `trips.${step}`, input: { step }, patience }
}

export function tripOf(...steps: readonly string[]): TripEvent {
  return {
    type: 'TripStarted',
    data: { steps: steps.map(step => ({ step, patience: step.startsWith('try') ? 'bounded' : 'endless' })) },
  }
}

export function tripUntil(dueAt: Date): TripEvent {
  return { type: 'TripStarted', data: { steps: [], dueAt: dueAt.toISOString() } }
}
