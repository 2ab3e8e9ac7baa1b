// What callers are told of a subgraph's errors and of its failures, and what only the log is. Free of requests.
import type { GraphQLFormattedError } from 'graphql'
import { z } from 'zod'
import type { ExecutionError, JsonObject } from '#gateway/executor/execution.ts'
import type { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'

export const errorSettings = z.strictObject({
  /** `known`: those with a code of the catalogue. `all` with NODE_ENV=development when left out, `known` otherwise. */
  messages: z.enum(['all', 'known', 'none']).optional(),
  /** Whether `extensions.serviceName` and messages name the subgraph; as NODE_ENV says when left out. */
  subgraphs: z.boolean().optional(),
})

export type ErrorMasking = { readonly messages: 'all' | 'known' | 'none'; readonly subgraphs: boolean }

/** For production: codes that are known with their messages, and nobody's name. */
export const PRODUCTION_MASKING: ErrorMasking = { messages: 'known', subgraphs: false }

export function errorMaskingOf(settings: z.infer<typeof errorSettings>, development: boolean): ErrorMasking {
  const { messages = development ? 'all' : 'known', subgraphs = development } = settings
  return { messages, subgraphs }
}

/** What is noted of an error that a subgraph told, in its extensions, where JSON does not show it. */
const ORIGIN = Symbol('origin')
type Origin = {
  /** Undefined where it is not to be named. */
  readonly name: string | undefined
  /** Whether it is told as it is. */
  readonly shown: boolean
}

/** Never told: a stack, what Apollo Server 3 kept it in, and what only concerns the subgraph's own HTTP. */
const INTERNAL_EXTENSIONS = new Set(['stacktrace', 'exception', 'http', 'serviceName', 'service'])

const REFUSED = 'A service behind this graph refused this.'
export const UNAVAILABLE_MESSAGE = 'A service behind this graph is not available at the moment: try again.'

/**
 * A subgraph's errors as they go on. What has no code of the catalogue is the operator's affair, whatever else it says:
 * that a document is not valid is the gateway's fault towards a subgraph, never the caller's.
 */
export function maskErrors(
  errors: readonly unknown[],
  { messages, subgraphs }: ErrorMasking,
  subgraph: string,
): readonly unknown[] {
  const name = subgraphs ? subgraph : undefined
  return errors.map(error => {
    if (!isObject(error)) return error
    const extensions = outwardExtensions(error.extensions)
    if (messages === 'all') return { ...error, extensions: withOrigin(extensions, { name, shown: true }) }
    const { code, requestId } = extensions
    if (code === 'INTERNAL')
      return { ...error, extensions: withOrigin({ code, requestId }, { name, shown: false }) }
    if (!isCallerCode(code)) return { ...error, extensions: withOrigin({}, { name, shown: false }) }
    if (messages === 'known') return { ...error, extensions: withOrigin(extensions, { name, shown: true }) }
    return { ...error, message: REFUSED, extensions: withOrigin({ code }, { name, shown: true }) }
  })
}

/** A failure of the way to a subgraph as it is told; the code and the reason are always. */
export function maskFailure(
  { message, details, code }: CallerError,
  { subgraphs }: ErrorMasking,
  subgraph: string,
): { readonly message: string; readonly extensions: JsonObject } {
  if (!subgraphs) return { message: UNAVAILABLE_MESSAGE, extensions: { ...details, code } }
  const extensions = withOrigin({ ...details, code }, { name: subgraph, shown: true })
  return { message, extensions }
}

/** An error that is told as its subgraph told it; undefined for all others. */
export function unmaskedError({
  message,
  path,
  extensions,
}: ExecutionError): GraphQLFormattedError | undefined {
  const origin = originOf(extensions)
  if (!origin?.shown) return undefined
  return { message, ...(path && { path }), extensions: named({ code: 'INTERNAL', ...extensions }, origin) }
}

/** `told`, which was made of `error`, with the subgraph's name where that is to be told. */
export function withSubgraphName(
  { extensions }: ExecutionError,
  told: GraphQLFormattedError,
): GraphQLFormattedError {
  const origin = originOf(extensions)
  return origin?.name === undefined ? told : { ...told, extensions: named({ ...told.extensions }, origin) }
}

/** Whether a subgraph told it; otherwise the gateway found it. */
export function isSubgraphError({ extensions }: ExecutionError): boolean {
  return originOf(extensions) !== undefined
}

function outwardExtensions(extensions: unknown): JsonObject {
  if (!isObject(extensions)) return {}
  return Object.fromEntries(Object.entries(extensions).filter(([key]) => !INTERNAL_EXTENSIONS.has(key)))
}

function withOrigin(extensions: JsonObject, origin: Origin): JsonObject {
  return Object.assign(extensions, { [ORIGIN]: origin })
}

function originOf(extensions: ExecutionError['extensions']): Origin | undefined {
  return Reflect.get(extensions, ORIGIN)
}

function named(extensions: JsonObject, { name }: Origin): JsonObject {
  return name === undefined ? extensions : { ...extensions, serviceName: name }
}
