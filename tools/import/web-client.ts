// Sends GraphQL over HTTP to the web BFF with a bearer token, retries, and a bounded number of concurrent requests.
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { OperatorError } from '#platform/domain/errors.ts'

export type WebClient = AsyncDisposable & {
  /**
   * Returns the data. Retries while a service is unavailable or does not respond: every mutation here carries an
   * idempotency key. Throws RequestRefused for other errors; NoResponse when this request gets no response
   * within `patienceMs` while others do, or when none has for that long; OperatorError NOT_ALLOWED when
   * the token is not accepted.
   */
  readonly send: <T>(document: string, variables: Readonly<Record<string, unknown>>) => Promise<T>
  /** Nothing was answered for `patienceMs`: every request now throws NoResponse at once. */
  readonly isAway: () => boolean
  /** Returns whether the platform has responded at all. */
  readonly hasAnswered: () => boolean
}

/** An error that another attempt would not change. */
export class RequestRefused extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(`${code} ${message}`.trim())
    this.name = 'RequestRefused'
    this.code = code
  }
}

/** It is unknown whether the platform carried the request out: another run finds out by its key. */
export class NoResponse extends Error {
  constructor(lastProblem: string) {
    super(`no answer in time (${lastProblem})`)
    this.name = 'Unanswered'
  }
}

type WebClientOptions = {
  readonly url: string
  readonly token: () => Promise<string>
  readonly connections: number
  /** How long one request, or all of them, may go without a response. */
  readonly patienceMs: number
  /** Called once each time the platform stops responding, with the first problem. */
  readonly onSilence?: (problem: string) => void
}

/** Errors that may pass; a fault of the server may come from its start or stop. */
const TRANSIENT = new Set(['UNAVAILABLE', 'RATE_LIMITED', 'INTERNAL', 'INTERNAL_SERVER_ERROR'])
const NOT_ALLOWED = new Set(['UNAUTHENTICATED', 'FORBIDDEN'])
/** Attempts after a fault of the server, which usually recurs. */
const FAULT_TRIES = 5
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000
const LONGEST_RESPONSE_MS = 60_000

type Problem = { readonly code: string; readonly message: string }
type SendResult<T> = { readonly data: T } | { readonly problem: Problem; readonly responded: boolean }

export function createWebClient(options: WebClientOptions): WebClient {
  const { url, token, connections, patienceMs } = options
  const { origin, pathname } = new URL(url)
  const timeout = Math.min(LONGEST_RESPONSE_MS, patienceMs)
  const pool = new Pool(origin, { connections, headersTimeout: timeout, bodyTimeout: timeout })
  let lastAnswer = performance.now()
  let answers = 0
  let lastProblem: string | undefined
  const isAway = () => performance.now() - lastAnswer > patienceMs
  const note = (answer: SendResult<unknown>) => {
    if ('data' in answer || answer.responded) {
      lastAnswer = performance.now()
      answers++
      lastProblem = undefined
    } else {
      if (lastProblem === undefined) options.onSilence?.(answer.problem.message)
      lastProblem = answer.problem.message
    }
  }
  const attempt = async <T>(body: string): Promise<SendResult<T>> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await token()}` }
    const answer = await ask<T>(pool, { path: pathname, method: 'POST', headers, body })
    note(answer)
    return answer
  }
  return {
    isAway,
    hasAnswered: () => answers > 0,
    async send<T>(document: string, variables: Readonly<Record<string, unknown>>) {
      const body = JSON.stringify({ query: document, variables })
      const began = performance.now()
      for (let tries = 1, wait = FIRST_WAIT_MS; ; tries++, wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
        if (isAway()) throw new NoResponse(lastProblem ?? 'none')
        const answer = await attempt<T>(body)
        if ('data' in answer) return answer.data
        throwIfFinal(answer.problem, tries)
        const othersAreAnswered = lastAnswer > began
        if (isAway() || (othersAreAnswered && performance.now() - began > patienceMs))
          throw new NoResponse(answer.problem.message)
        await delay(wait * (0.5 + Math.random()))
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

function throwIfFinal({ code, message }: Problem, tries: number): void {
  if (NOT_ALLOWED.has(code))
    throw new OperatorError('NOT_ALLOWED', `The platform does not accept the token: ${message}`)
  const isFault = code.startsWith('INTERNAL')
  if (!TRANSIENT.has(code) || (isFault && tries >= FAULT_TRIES)) throw new RequestRefused(code, message)
}

/** Sends one request. Never throws: no response, or one that is no GraphQL, counts as an unavailable service. */
async function ask<T>(pool: Pool, request: Parameters<Pool['request']>[0]): Promise<SendResult<T>> {
  try {
    const response = await pool.request(request)
    return readAnswer<T>(await response.body.json(), response.statusCode)
  } catch (error) {
    return { problem: { code: 'UNAVAILABLE', message: describe(error) }, responded: false }
  }
}

type Body<T> = {
  readonly data?: T | null
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[]
}

/** Returns `responded` when the platform itself responded, and not that a service is unavailable. */
function readAnswer<T>(json: unknown, status: number): SendResult<T> {
  const { data, errors } = (json ?? {}) as Body<T>
  const [error] = errors ?? []
  if (!error && data) return { data }
  const code = error?.extensions?.code ?? (status >= 500 || !error ? 'UNAVAILABLE' : 'BAD_USER_INPUT')
  const message = error?.message ?? `the answer with status ${status} holds no data`
  return { problem: { code, message }, responded: !TRANSIENT.has(code) || code === 'RATE_LIMITED' }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}

/** Runs `work` on each of `values`, started in order, at most `width` at once. */
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
