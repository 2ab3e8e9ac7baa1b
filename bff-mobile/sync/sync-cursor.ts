// Encodes the cursor of changesSince: a live cursor of the customer's orders, and how far the copy has been pruned.
import type { Scope } from '#bff/order-feed/change.ts'
import { decodeCursor, encodeCursor } from '#bff/order-feed/cursor.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'

/** How far a phone's copy of its customer's orders is up to date. */
export type SyncState = {
  /** The copy holds every change of the customer's orders up to here. */
  readonly positions: PositionVector
  /** The copy holds no order that had left the list by this time, in seconds since 1970. */
  readonly prunedTo: number
  /** While the copy is filled for the first time: when that began, in seconds since 1970. */
  readonly fillingSince?: number
}

const DOT = '.'
const TIMES = /^[0-9a-z]{1,8}(\.[0-9a-z]{1,8})?$/
/** The clocks of two machines differ by less than this. */
const CLOCK_SKEW_S = 24 * 3600

export function encodeSyncCursor(customerId: string, state: SyncState): string {
  const times = [state.prunedTo, ...(state.fillingSince === undefined ? [] : [state.fillingSince])]
  return [encodeCursor({ customer: customerId }, state.positions), ...times.map(to36)].join(DOT)
}

/** Throws CallerError BAD_USER_INPUT for a cursor that `changesSince` did not give to this customer. */
export function decodeSyncCursor(customerId: string, text: string, nowS: number): SyncState {
  const { live, times } = split(text)
  const positions = decodeCursor({ customer: customerId }, live)
  if (times === undefined)
    throw refused('it is not one of changesSince; give the one of its last answer, or none to begin anew')
  const [prunedTo = 0, fillingSince] = TIMES.test(times) ? times.split(DOT).map(from36) : [Infinity]
  if (Math.max(prunedTo, fillingSince ?? 0) > nowS + CLOCK_SKEW_S)
    throw refused('it is not one of ours; give the one of the last answer, or none to begin anew')
  return { positions, prunedTo, ...(fillingSince !== undefined && { fillingSince }) }
}

/** Returns a live cursor of `scope`. A cursor of changesSince is accepted for each of the customer's orders, and for all of them. */
export function liveCursor(text: string, scope: Scope, customerId: string): string {
  const { live, times } = split(text)
  if (times === undefined) return text
  return encodeCursor(scope, decodeCursor({ customer: customerId }, live))
}

function split(text: string): { readonly live: string; readonly times: string | undefined } {
  const at = text.indexOf(DOT)
  return at < 0
    ? { live: text, times: undefined }
    : { live: text.slice(0, at), times: text.slice(at + DOT.length) }
}

function to36(seconds: number): string {
  return seconds.toString(36)
}

function from36(text: string): number {
  return Number.parseInt(text, 36)
}

function refused(why: string): CallerError {
  return new CallerError('BAD_USER_INPUT', `cursor: ${why}`, { field: 'cursor' })
}
