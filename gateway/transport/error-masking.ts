// Masks the errors of subgraphs: decides which messages and names clients see, and which only the log has.
import type { GraphQLFormattedError } from 'graphql'
import { z } from 'zod'
import type { ExecutionError, JsonObject } from '#gateway/executor/execution.ts'
import type { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'

export const errorSettings = z.strictObject({
  /** `known`: messages with a code of the catalogue. Left out: `all` with NODE_ENV=development, `known` otherwise. */
  messages: z.enum(['all', 'known', 'none']).optional(),
  /** Says whether `extensions.serviceName` and messages name the subgraph; left out, only with NODE_ENV=development. */
  subgraphs: z.boolean().optional(),
})

export type ErrorMasking = { readonly messages: 'all' | 'known' | 'none'; readonly subgraphs: boolean }

/** Shows the messages of known codes, and no subgraph's name. */
export const PRODUCTION_MASKING: ErrorMasking = { messages: 'known', subgraphs: false }

export function errorMaskingOf(
  settings: z.infer<typeof errorSettings>,
  { development }: { readonly development: boolean },
): ErrorMasking {
  const { messages = development ? 'all' : 'known', subgraphs = development } = settings
  return { messages, subgraphs }
}

/** The extension that records where an error came from; being a symbol, it never appears in JSON. */
const ORIGIN = Symbol('origin')
type Origin = {
  /** The subgraph's name; undefined where it is masked. */
  readonly name: string | undefined
  /** Says whether the error is shown as the subgraph sent it. */
  readonly shown: boolean
}

/** Extensions that are always removed: stacks, Apollo Server 3's `exception`, and the subgraph's own HTTP status. */
const INTERNAL_EXTENSIONS = new Set(['stacktrace', 'exception', 'http', 'serviceName', 'service'])

const REFUSED_MESSAGE = 'A service behind this graph refused this.'
export const UNAVAILABLE_MESSAGE = 'A service behind this graph is not available at the moment: try again.'

/**
 * Returns a subgraph's errors as clients may see them. An error without a code of the catalogue is the operator's concern,
 * whatever it says: an invalid document is a mistake of the gateway, never of the client.
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
    return { ...error, message: REFUSED_MESSAGE, extensions: withOrigin({ code }, { name, shown: true }) }
  })
}

/** Returns a failure to reach a subgraph as clients may see it; the code and the reason are always shown. */
export function maskFailure(
  { message, details, code }: CallerError,
  { subgraphs }: ErrorMasking,
  subgraph: string,
): { readonly message: string; readonly extensions: JsonObject } {
  if (!subgraphs) return { message: UNAVAILABLE_MESSAGE, extensions: { ...details, code } }
  const extensions = withOrigin({ ...details, code }, { name: subgraph, shown: true })
  return { message, extensions }
}

/** Returns an error that is shown as its subgraph sent it; undefined for every other error. */
export function unmaskedError({
  message,
  path,
  extensions,
}: ExecutionError): GraphQLFormattedError | undefined {
  const origin = originOf(extensions)
  if (!origin?.shown) return undefined
  return { message, ...(path && { path }), extensions: named({ code: 'INTERNAL', ...extensions }, origin) }
}

/** Adds the subgraph's name to `formatted`, which was made of `error`, where names are shown. */
export function withSubgraphName(
  { extensions }: ExecutionError,
  formatted: GraphQLFormattedError,
): GraphQLFormattedError {
  const origin = originOf(extensions)
  return origin?.name === undefined
    ? formatted
    : { ...formatted, extensions: named({ ...formatted.extensions }, origin) }
}

/** Returns whether a subgraph sent the error; otherwise the gateway found it. */
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
