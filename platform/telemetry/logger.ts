// Structured logs for operators: JSON lines with trace ids, and without tokens, card numbers and addresses.
import pino from 'pino'
import { type LogOutput, openLogOutput } from '#platform/telemetry/log-output.ts'
import { activeTrace } from '#platform/telemetry/tracing.ts'

export type Logger = pino.Logger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export type LoggerOptions = {
  readonly service: string
  readonly level: LogLevel
  /** Standard output by default. */
  readonly destination?: { write(line: string): void }
}

const SENSITIVE = [
  ...['authorization', 'cookie', 'set-cookie', 'token', 'accessToken', 'password', 'secret', 'signature'],
  ...['card', 'cardNumber', 'pan', 'cvc', 'address', 'deliveryAddress', 'recipient', 'email', 'phone'],
  ...['line1', 'line2', 'postalCode', 'deliveryInstructions', 'instructions'],
]
const SENSITIVE_MEMBER = new RegExp(
  String.raw`"(${SENSITIVE.join('|')})":(?:"(?:[^"\\]|\\.)*"|\{[^{}]*\}|\[[^[\]]*\]|-?\d[\d.eE+-]*)`,
  'gi',
)
const JSON_WEB_TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g
const BEARER = /\bbearer\s+[^\s"\\]+/gi
const CARD_NUMBER = /\b\d(?:[ -]?\d){12,18}\b/g
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^:/@\s"]*):[^@\s"]+@/gi

/** One for the process, however many services run in it. */
let standardOutput: LogOutput | undefined

/**
 * One JSON object a line on standard output. Every line has `service`, and `trace_id` and `span_id` inside a span. Logging
 * never throws: lines that cannot be written are lost and counted, and the log says how many once it can.
 */
export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
    serializers: { err: pino.stdSerializers.errWithCause },
    mixin: () => activeTrace() ?? {},
    hooks: { streamWrite: redact },
  }
  if (destination !== undefined) return pino(options, destination)
  standardOutput ??= openLogOutput({ fd: 1, onResumed: lost => reportLost(logger, lost) })
  const logger = pino(options, standardOutput)
  return logger
}

/** Ends logging to standard output: resolves once it has taken every line so far, or refused one. */
export async function finishLog(): Promise<void> {
  await standardOutput?.finish()
}

function reportLost(logger: Logger, lost: number): void {
  logger.error({ lost }, `logging works again; ${lost} lines before this one were lost`)
}

/** Replaces secrets and personal data, wherever they are in the line, which stays valid JSON. */
export function redact(line: string): string {
  return line
    .replace(SENSITIVE_MEMBER, '"$1":"[redacted]"')
    .replace(JSON_WEB_TOKEN, '[redacted]')
    .replace(BEARER, 'Bearer [redacted]')
    .replace(URL_PASSWORD, '$1:[redacted]@')
    .replace(STRING_OR_NUMBER, withoutCards)
}

/** `value` is a string or a number of the line; a fraction or an exponent is of no card. */
function withoutCards(value: string): string {
  if (value.startsWith('"'))
    return value.replace(CARD_NUMBER, digits => (isCardNumber(digits) ? '[redacted]' : digits))
  return /^\d{13,19}$/.test(value) && isCardNumber(value) ? '"[redacted]"' : value
}

/** The Luhn check of ISO/IEC 7812-1, so that other long numbers stay readable. */
function isCardNumber(text: string): boolean {
  const digits = text.replace(/\D/g, '')
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index])
    const weighed = index % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}
