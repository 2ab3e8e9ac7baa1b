// The catalogue of error codes, and the two kinds of error that are thrown: a caller's fault and an operator's.

/** Codes that callers see in `extensions.code`, with their HTTP status for plain HTTP endpoints. */
export const CALLER_CODES = {
  BAD_USER_INPUT: 400,
  COST_ESTIMATED_TOO_EXPENSIVE: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  UNAUTHORIZED_FIELD_OR_TYPE: 403,
  OPERATION_NOT_PERSISTED: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  RATE_LIMITED: 429,
  UNAVAILABLE: 503,
} as const
export type CallerCode = keyof typeof CALLER_CODES

/** The caller gets this message for a fault that is not its own. */
export const INTERNAL_MESSAGE = 'Something went wrong on our side. Quote the request id when you report it.'

/** The caller's fault, or a state of ours that the caller can wait out. The message is shown to the caller as it is. */
export class CallerError extends Error {
  readonly code: CallerCode
  readonly details: Readonly<Record<string, unknown>>
  constructor(
    code: CallerCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, { cause })
    this.name = 'CallerError'
    this.code = code
    this.details = details
  }
}

/** The operator's fault: configuration, an engine that is gone. Callers get a fixed sentence and the request id. */
export class OperatorError extends Error {
  readonly code: string
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'OperatorError'
    this.code = code
  }
}

/** A message that quotes its request has at most this many characters, the dots included. */
const MAX_MESSAGE = 400

/** Returns the text when it is at most 400 characters long, else its start and its end with dots between. */
export function shortenMessage(text: string): string {
  if (text.length <= MAX_MESSAGE) return text
  const half = (MAX_MESSAGE - 3) / 2
  return `${text.slice(0, Math.ceil(half))}...${text.slice(-Math.floor(half))}`.toWellFormed()
}
