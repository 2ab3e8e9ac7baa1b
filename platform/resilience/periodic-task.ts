// Runs a task again and again, with a pause between its runs.
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'

type PeriodicTask = {
  /** `signal` aborts when the task is disposed. */
  readonly run: (signal: AbortSignal) => Promise<unknown>
  readonly everyMs: number
  /** The first run begins after this time; at once by default. */
  readonly first?: 'at-once' | 'after-pause'
  /** A pause differs from `everyMs` by at most this share of it, either way; 0 by default. */
  readonly jitter?: number
  /** Returns by when the next run must begin, in milliseconds from now, if that is sooner. */
  readonly dueInMs?: () => number
  readonly onError: (error: unknown) => void
}

/** Disposing ends the pause, and awaits a run that is under way. */
export function startPeriodicTask(task: PeriodicTask): AsyncDisposable {
  const stop = new AbortController()
  const running = runUntil(stop.signal, task)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

async function runUntil(signal: AbortSignal, task: PeriodicTask): Promise<void> {
  const { run, everyMs, first = 'at-once', jitter = 0, dueInMs, onError } = task
  const pauseMs = () =>
    Math.min(everyMs * (1 - jitter + 2 * jitter * Math.random()), dueInMs?.() ?? Number.POSITIVE_INFINITY)
  if (first === 'after-pause') await pauseUnlessAborted(pauseMs(), signal)
  while (!signal.aborted) {
    await run(signal).catch(onError)
    await pauseUnlessAborted(pauseMs(), signal)
  }
}
