// Turns what went wrong in an operation into what its caller is told. Free of HTTP; operators' details go to the log.
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import { CALLER_CODES, type CallerCode, CallerError, INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { shortened } from '#platform/graphql/short-text.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type ErrorFormatting = { readonly requestId: string; readonly logger: Logger }

/** Faults in what the caller wrote, by the codes that the GraphQL server gives them. */
const CALLERS_FAULT: ReadonlySet<unknown> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_REQUEST',
])
/** Answers of the persisted-query protocol, which clients know by these codes. */
const PROTOCOL: ReadonlySet<unknown> = new Set(['PERSISTED_QUERY_NOT_FOUND', 'PERSISTED_QUERY_NOT_SUPPORTED'])

/**
 * A CallerError keeps its code, message and details; what is wrong with the document or its variables is
 * BAD_USER_INPUT; errors of another Waybill service pass as they are; anything else becomes INTERNAL with a fixed
 * sentence and the request id, and is logged with its cause. No message is longer than 400 characters.
 */
export function formatError(error: unknown, { requestId, logger }: ErrorFormatting): GraphQLFormattedError {
  const place = placeOf(error)
  const root = rootOf(error)
  if (root instanceof CallerError)
    return { message: shortened(root.message), ...place, extensions: { ...root.details, code: root.code } }
  if (root instanceof GraphQLError) {
    const { code } = root.extensions
    if (PROTOCOL.has(code) || isCallerCode(code)) return remote(root, place)
    if (CALLERS_FAULT.has(code) || isDocumentFault(root))
      return { message: shortened(root.message), ...place, extensions: { code: 'BAD_USER_INPUT' } }
    if (code === 'INTERNAL') return internal(place, foreignRequestId(root) ?? requestId)
  }
  logger.error({ err: root, path: place.path, request_id: requestId }, 'an operation failed')
  return internal(place, requestId)
}

export function isCallerCode(code: unknown): code is CallerCode {
  return typeof code === 'string' && Object.hasOwn(CALLER_CODES, code)
}

/** GraphQL wraps what resolvers throw, sometimes more than once: down to what was thrown, or to the first known code. */
function rootOf(error: unknown): unknown {
  let current = error
  while (current instanceof GraphQLError && current.originalError && !isKnownCode(current.extensions.code))
    current = current.originalError
  return current
}

function isKnownCode(code: unknown): boolean {
  return isCallerCode(code) || CALLERS_FAULT.has(code) || PROTOCOL.has(code) || code === 'INTERNAL'
}

type Place = Pick<GraphQLFormattedError, 'path' | 'locations'>

function placeOf(error: unknown): Place {
  if (!(error instanceof GraphQLError)) return {}
  return { ...(error.locations && { locations: error.locations }), ...(error.path && { path: error.path }) }
}

/** Thrown by graphql-js itself, before any resolver ran: no path, no code yet, and a place but where it gave up. */
function isDocumentFault({ path, extensions, nodes, message }: GraphQLError): boolean {
  return path === undefined && extensions.code === undefined && (nodes !== undefined || GAVE_UP.test(message))
}

/** What graphql-js says after as many errors as it lists, of variables or of a document. */
const GAVE_UP = /^Too many (?:errors processing variables|validation errors), error limit reached/

function remote(error: GraphQLError, place: Place): GraphQLFormattedError {
  const { http: _http, stacktrace: _stack, serviceName: _service, ...extensions } = error.extensions
  return { message: shortened(error.message), ...place, extensions }
}

function internal(place: Place, requestId: string): GraphQLFormattedError {
  return { message: INTERNAL_MESSAGE, ...place, extensions: { code: 'INTERNAL', requestId } }
}

function foreignRequestId(error: GraphQLError): string | undefined {
  const { requestId } = error.extensions
  return typeof requestId === 'string' ? requestId : undefined
}
