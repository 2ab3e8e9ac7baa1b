// Formats what went wrong in an operation for its caller; the details of operators' faults go to the log.
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import {
  CALLER_CODES,
  type CallerCode,
  CallerError,
  INTERNAL_MESSAGE,
  shortenMessage,
} from '#platform/domain/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type ErrorFormatting = { readonly requestId: string; readonly logger: Logger }

/** The GraphQL server's codes for faults in what the caller wrote. */
const DOCUMENT_CODES: ReadonlySet<unknown> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_REQUEST',
])
/** The codes of the persisted-query protocol, which clients handle. */
const PROTOCOL_CODES: ReadonlySet<unknown> = new Set([
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
])

/**
 * A CallerError keeps its code, message and details; what is wrong with the document or its variables is
 * BAD_USER_INPUT; errors of another Waybill service pass as they are; anything else becomes INTERNAL with a fixed
 * sentence and the request id, and is logged with its cause. No message is longer than 400 characters.
 */
export function formatError(error: unknown, { requestId, logger }: ErrorFormatting): GraphQLFormattedError {
  const location = locationOf(error)
  const root = rootOf(error)
  if (root instanceof CallerError)
    return {
      message: shortenMessage(root.message),
      ...location,
      extensions: { ...root.details, code: root.code },
    }
  if (root instanceof GraphQLError) {
    const { code } = root.extensions
    if (PROTOCOL_CODES.has(code) || isCallerCode(code)) return remoteError(root, location)
    if (DOCUMENT_CODES.has(code) || isDocumentFault(root))
      return { message: shortenMessage(root.message), ...location, extensions: { code: 'BAD_USER_INPUT' } }
    if (code === 'INTERNAL') return internalError(location, foreignRequestId(root) ?? requestId)
  }
  logger.error({ err: root, path: location.path, request_id: requestId }, 'an operation failed')
  return internalError(location, requestId)
}

export function isCallerCode(code: unknown): code is CallerCode {
  return typeof code === 'string' && Object.hasOwn(CALLER_CODES, code)
}

/**
 * Unwraps what resolvers threw, which GraphQL may wrap more than once; stops at the first known code, and at a variable's
 * wrong value, whose error wraps that of its scalar.
 */
function rootOf(error: unknown): unknown {
  let current = error
  while (current instanceof GraphQLError && current.originalError && !isOfCaller(current))
    current = current.originalError
  return current
}

function isOfCaller(error: GraphQLError): boolean {
  return isKnownCode(error.extensions.code) || isDocumentFault(error)
}

function isKnownCode(code: unknown): boolean {
  return isCallerCode(code) || DOCUMENT_CODES.has(code) || PROTOCOL_CODES.has(code) || code === 'INTERNAL'
}

type ErrorLocation = Pick<GraphQLFormattedError, 'path' | 'locations'>

function locationOf(error: unknown): ErrorLocation {
  if (!(error instanceof GraphQLError)) return {}
  return { ...(error.locations && { locations: error.locations }), ...(error.path && { path: error.path }) }
}

/** Returns whether graphql-js threw it before any resolver ran: no path, no code, and nodes unless it gave up. */
function isDocumentFault({ path, extensions, nodes, message }: GraphQLError): boolean {
  return path === undefined && extensions.code === undefined && (nodes !== undefined || GAVE_UP.test(message))
}

/** The message of graphql-js after the most errors that it lists, of variables or of a document. */
const GAVE_UP = /^Too many (?:errors processing variables|validation errors), error limit reached/

function remoteError(error: GraphQLError, location: ErrorLocation): GraphQLFormattedError {
  const { http: _http, stacktrace: _stack, serviceName: _service, ...extensions } = error.extensions
  return { message: shortenMessage(error.message), ...location, extensions }
}

function internalError(location: ErrorLocation, requestId: string): GraphQLFormattedError {
  return { message: INTERNAL_MESSAGE, ...location, extensions: { code: 'INTERNAL', requestId } }
}

function foreignRequestId(error: GraphQLError): string | undefined {
  const { requestId } = error.extensions
  return typeof requestId === 'string' ? requestId : undefined
}
