// Records how a command ended, so that a repeat gets the same result and a reused key is noticed.
import { hash } from 'node:crypto'
import type { Refusal } from '#platform/domain/decision.ts'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { isObject, type Json, type JsonObject } from '#platform/domain/json.ts'
import type { CommandContext, CommandResult } from '#platform/event-store/aggregate.ts'
import type { CommandRecord } from '#platform/event-store/event-store.ts'

/** How a command was decided, before it is recorded. */
export type CommandAnswer<R extends Refusal> =
  | { readonly status: 'accepted'; readonly outcome: Json }
  | { readonly status: 'refused'; readonly refusal: R }

/** Returns what the store keeps of a command: its key, a digest of its body, and its answer. */
export function toCommandRecord<R extends Refusal>(
  { key, body }: CommandContext,
  answer: CommandAnswer<R>,
): CommandRecord {
  const outcome = answer.status === 'refused' ? { refused: answer.refusal } : { accepted: answer.outcome }
  return { id: key, fingerprint: fingerprint(body), outcome }
}

/** True when the key was recorded for another body that was refused: nothing was written, so this body may take it. */
export function isReplaceable({ body }: CommandContext, recorded: Omit<CommandRecord, 'id'>): boolean {
  return isRefusal(recorded.outcome) && recorded.fingerprint !== fingerprint(body)
}

/** Returns the recorded result. Throws CallerError CONFLICT when the key was used for another body. */
export function repeatedResult<R extends Refusal>(
  context: CommandContext,
  recorded: Omit<CommandRecord, 'id'> & { readonly position: number },
): CommandResult<R> & { readonly repeated: true } {
  const { position, outcome } = recorded
  if (recorded.fingerprint !== fingerprint(context.body))
    throw new CallerError('CONFLICT', 'This idempotency key was used for another request. Use a new key.')
  if (isRefusal(outcome))
    // Only refusals of this kind of command are recorded under its fingerprint.
    return { status: 'refused', refusal: outcome.refused as R, position, repeated: true }
  if (isObject(outcome) && 'accepted' in outcome)
    return { status: 'accepted', outcome: outcome.accepted ?? null, position, repeated: true }
  throw new OperatorError('COMMAND_NOT_OURS', `command ${context.key} was recorded by something else`)
}

function isRefusal(outcome: Json): outcome is JsonObject & { readonly refused: Json } {
  return isObject(outcome) && 'refused' in outcome
}

/** Returns the SHA-256, in hex, of `body` as JSON with sorted keys: equal values have equal fingerprints. */
export function fingerprint(body: Json): string {
  return hash('sha256', JSON.stringify(sorted(body)))
}

/** Returns the value with the keys of all its objects sorted. A copy is faster than a replacer of `JSON.stringify`. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map(key => [key, sorted(value[key])]))
}
