// Defines what a decider returns: events to record, or a refusal in the domain's words.

/** A business refusal: expected, recorded with the command, shown to the caller as a result-union member. */
export type Refusal = { readonly code: string; readonly message: string }

/** `accepted` with the events to append (none when nothing is left to do), or `refused`. */
export type Decision<Event, R extends Refusal = Refusal> =
  | { readonly accepted: readonly Event[] }
  | { readonly refused: R }

export function accept<Event>(...events: Event[]): { accepted: Event[] } {
  return { accepted: events }
}

export function refuse<R extends Refusal>(refusal: R): { refused: R } {
  return { refused: refusal }
}
