// Talks to the web BFF as a front end would: GraphQL over HTTP with a bearer token, a bounded number of requests at once.
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'

export type WebClient = AsyncDisposable & {
  /** The data, or an Error with the first message. Idempotent requests are tried again while the server is away. */
  readonly send: <T>(document: string, variables: Readonly<Record<string, unknown>>) => Promise<T>
}

const PATIENCE_MS = 60_000
const TRANSIENT = new Set(['UNAVAILABLE', 'RATE_LIMITED'])

type Answer<T> = {
  readonly data?: T | null
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[]
}

/** Every mutation that is sent carries an idempotency key, so that trying again is safe. */
export function createWebClient(url: string, token: () => Promise<string>, connections: number): WebClient {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections, headersTimeout: 60_000, bodyTimeout: 60_000 })
  const attempt = async <T>(body: string): Promise<Answer<T>> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await token()}` }
    const response = await pool.request({ path: pathname, method: 'POST', headers, body })
    return (await response.body.json()) as Answer<T>
  }
  return {
    async send<T>(document: string, variables: Readonly<Record<string, unknown>>) {
      const body = JSON.stringify({ query: document, variables })
      const deadline = Date.now() + PATIENCE_MS
      for (let wait = 100; ; wait = Math.min(wait * 2, 5000)) {
        const answer = await attempt<T>(body).catch(
          (error: unknown) =>
            ({ errors: [{ message: String(error), extensions: { code: 'UNAVAILABLE' } }] }) as Answer<T>,
        )
        const problem = answer.errors?.[0]
        if (!problem && answer.data) return answer.data
        const transient = TRANSIENT.has(problem?.extensions?.code ?? '')
        if (!transient || Date.now() > deadline)
          throw new Error(
            problem
              ? `${problem.extensions?.code ?? ''} ${problem.message}`.trim()
              : 'the answer holds no data',
          )
        await delay(wait * (0.5 + Math.random()))
      }
    },
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** Runs `work` on each of `values`, started in their order, at most `width` at once. */
export async function inParallel<T>(
  values: readonly T[],
  width: number,
  work: (value: T) => Promise<void>,
): Promise<void> {
  const queue = values.values()
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const value of queue) await work(value)
    }),
  )
}
