// Starts a worker process for a benchmark and exchanges requests and responses with it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'

/** Both ends belong to one benchmark, so messages are trusted. */
export type WorkerProcess = AsyncDisposable & {
  request<Answer>(question: string, detail?: unknown): Promise<Answer>
}

type Question = { readonly number: number; readonly question: string; readonly detail: unknown }
type Reply = { readonly number: number; readonly answer?: unknown; readonly failure?: string }

/** Forks `file`, which calls `handleRequests`. Pending requests fail when the process ends. */
export async function startWorker(file: URL, execArgv: readonly string[] = []): Promise<WorkerProcess> {
  const child = fork(file, { serialization: 'advanced', execArgv: [...execArgv] })
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let number = 0
  child.on('message', ({ number: of, answer, failure }: Reply) => {
    const pending = open.get(of)
    open.delete(of)
    if (failure === undefined) pending?.resolve(answer)
    else pending?.reject(new Error(failure))
  })
  child.once('exit', code => {
    for (const { reject } of open.values()) reject(new Error(`a helper ended with ${code}`))
  })
  await once(child, 'spawn')
  return {
    request<Answer>(question: string, detail?: unknown) {
      number += 1
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      open.set(number, { resolve, reject })
      child.send({ number, question, detail } satisfies Question)
      return promise as Promise<Answer>
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

/** Answers the parent's requests by name until it disconnects, then exits. Called in the worker. */
export function handleRequests(answers: Readonly<Record<string, (detail: never) => unknown>>): void {
  process.on('message', ({ number, question, detail }: Question) => {
    const find = async () => answers[question]?.(detail as never)
    find().then(
      found => process.send?.({ number, answer: found } satisfies Reply),
      error => process.send?.({ number, failure: String(error?.stack ?? error) } satisfies Reply),
    )
  })
  process.once('disconnect', () => process.exit())
}

/** Returns the milliseconds of a clock that all processes on the machine share. */
export function machineClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
