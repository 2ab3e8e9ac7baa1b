// Sends one command once, and says what the answer means for it.
import { HttpFault, type SendOperation } from '../core/http.ts'
import {
  codeOf,
  type GraphqlError,
  type GraphqlResult,
  isObject,
  isTransient,
  retryAfterOf,
} from '../core/request.ts'
import type { Command } from './store.ts'

export type Attempt =
  /** It was carried out, or refused by a member of its result union. */
  | { readonly kind: 'answered'; readonly data: unknown; readonly errors: readonly GraphqlError[] }
  /** Nobody knows whether it arrived, or it was told to come later. */
  | { readonly kind: 'later'; readonly waitMs: number }
  /** A fault on the other side, which may be of this command's making. */
  | { readonly kind: 'fault'; readonly errors: readonly GraphqlError[] }
  /** It can never be carried out as it is. */
  | { readonly kind: 'rejected'; readonly errors: readonly GraphqlError[] }

type Sending = {
  readonly send: SendOperation
  readonly command: Command
  readonly timeoutMs: number
  /** Gives the attempt up. */
  readonly signal: AbortSignal
}

export async function attempt({ send, command, timeoutMs, signal }: Sending): Promise<Attempt> {
  const { query, variables, operationName } = command
  const abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let giveUp = () => {}
  const late = new Promise<never>((_, reject) => {
    giveUp = () => {
      abort.abort()
      reject(new Error('no answer in time'))
    }
    timer = setTimeout(giveUp, timeoutMs)
  })
  late.catch(() => {}) // `send` may have thrown before anybody waited for this
  signal.addEventListener('abort', giveUp)
  try {
    if (signal.aborted) return { kind: 'later', waitMs: 0 }
    const request = { query, variables, operationName: operationName ?? undefined }
    return meaningOf(await Promise.race([send(request, { signal: abort.signal }), late]))
  } catch (error) {
    return { kind: 'later', waitMs: (error instanceof HttpFault && error.retryAfterMs) || 0 }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

function meaningOf({ data, errors = [] }: GraphqlResult): Attempt {
  if (isObject(data) && Object.values(data).some(value => value != null))
    return { kind: 'answered', data, errors }
  const code = codeOf(errors)
  // Whoever must sign in again does so in time, or the command grows too old.
  if (isTransient(code) || code === 'UNAUTHENTICATED')
    return { kind: 'later', waitMs: retryAfterOf(errors) ?? 0 }
  return code === undefined || code === 'INTERNAL' ? { kind: 'fault', errors } : { kind: 'rejected', errors }
}
